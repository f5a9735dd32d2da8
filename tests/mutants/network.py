"""Bugs on the way to the API: pace, retries, outages, bounds, secrets."""

from tests.mutants.mutant import Edit, Mutant

_API = "harvester/api"

NETWORK = (
    Mutant(
        "redirect-followed",
        "a redirect is followed, and the token goes along",
        (Edit(f"{_API}/transport.py", "allow_redirects=False", "allow_redirects=True"),),
        ("tests/test_transport.py::test_a_redirect_to_anywhere_is_an_error",),
    ),
    Mutant(
        "certificate-not-checked",
        "TLS is spoken with whoever answers",
        (
            Edit(
                f"{_API}/transport.py",
                "ssl.create_default_context(cafile=ca_file)",
                "ssl._create_unverified_context(cafile=ca_file)",
            ),
        ),
        ("tests/wire/test_tls.py::test_an_untrusted_certificate_ends_the_run",),
    ),
    Mutant(
        "plain-http",
        "tokens travel unencrypted to other machines",
        (Edit(f"{_API}/endpoint.py", 'if parts.scheme == "http" and not _is_loopback(host):', "if False:"),),
        ("tests/test_endpoint.py::test_bad_endpoints_are_refused",),
    ),
    Mutant(
        "proxy-of-the-environment",
        "requests and tokens go to a proxy that the environment names",
        (Edit(f"{_API}/transport.py", "trust_env=False", "trust_env=True"),),
        ("tests/test_transport.py::test_proxies_of_the_environment_are_not_used",),
    ),
    Mutant(
        "token-logged",
        "each request logs its token",
        (
            Edit(
                f"{_API}/client.py",
                "            token = self._tokens.token()\n",
                "            token = self._tokens.token()\n"
                "            __import__('structlog').get_logger().warning(f'{token}')\n",
            ),
        ),
        ("tests/test_client.py::test_a_good_answer_is_handed_on",),
    ),
    Mutant(
        "log-not-scrubbed",
        "log lines are written without masking what looks like a secret",
        (Edit("harvester/cli/logs.py", "            scrub,\n", ""),),
        ("tests/cli/test_logs.py::test_secrets_stay_in",),
    ),
    Mutant(
        "token-outlived-by-a-pause",
        "a request that a pause held at the door leaves with a token that has expired",
        (Edit(f"{_API}/client.py", "if abs(self._now() - since) > _LONGEST_WAIT:", "if False:"),),
        ("tests/test_client_pauses.py::test_a_token_does_not_wait_for_the_end_of_a_pause",),
    ),
    Mutant(
        "token-in-error",
        "the error of a failed connection quotes the request",
        (
            Edit(
                f"{_API}/transport.py",
                'TransportError(f"{host}: {_kind(error)}")',
                'TransportError(f"{host}: {_kind(error)} (Bearer {exchange.args[2]})")',
            ),
        ),
        ("tests/wire/test_answers.py::test_an_answer_for_ever[F01 reset before the first byte]",),
    ),
    Mutant(
        "retries-not-paced",
        "the limiter is outside of the retry: only first tries are paced",
        (
            Edit(
                f"{_API}/breaker.py",
                "            await self._pace.turn()\n",
                "            await self._pace.thaw()\n",
            ),
            Edit(
                f"{_API}/persistence.py",
                "                        self._budget.first_try()\n",
                "                        self._budget.first_try()\n"
                "                        await self._pace.leave()\n",
            ),
            Edit(f"{_API}/client.py", "= self._pace.leave", "= self._pace.thaw"),
        ),
        ("tests/test_client_pace.py::test_repeated_requests_are_paced_too",),
    ),
    Mutant(
        "paced-before-connecting",
        "requests are paced before their connection stands, so slow handshakes bunch them",
        (Edit(f"{_API}/client.py", "= self._pace.leave", "= self._pace.thaw"),),
        ("tests/test_client_pace.py::test_a_client_paces_what_leaves_not_what_connects",),
    ),
    Mutant(
        "retry-after-ignored",
        "`Retry-After` is not kept",
        (
            Edit(
                f"{_API}/persistence.py",
                "self._pace.freeze(max(delay, asked or 0.0))",
                "self._pace.freeze(delay)",
            ),
        ),
        ("tests/test_client_pauses.py::test_a_pause_stops_everyone",),
    ),
    Mutant(
        "retry-after-for-one",
        "`Retry-After` stops the one request that got it, and no other",
        (
            Edit(
                f"{_API}/persistence.py",
                "self._pace.freeze(max(delay, asked or 0.0))",
                "await asyncio.sleep(max(delay, asked or 0.0))",
            ),
        ),
        ("tests/test_client_pauses.py::test_a_pause_stops_everyone",),
    ),
    Mutant(
        "ban-forgotten",
        "the next process asks in the midst of a pause that the API asked for",
        (Edit("harvester/harvest.py", "kept.left(now := self._now())", "0.0 * (now := self._now())"),),
        ("tests/acceptance/test_bans.py::test_no_run_asks_in_a_ban",),
    ),
    Mutant(
        "retries-without-budget",
        "an API that limps is asked ever more: the retry budget pays for all",
        (
            Edit(
                f"{_API}/budget.py",
                "        if self._began is None or now < self._began + _FREE:",
                "        if True:",
            ),
        ),
        ("tests/test_retry_budget.py::test_repeats_of_a_limping_api_are_bounded",),
    ),
    Mutant(
        "breaker-never-opens",
        "an outage is hammered: the circuit breaker never opens",
        (
            Edit(
                f"{_API}/breaker.py",
                "if not self._answered or self._failures < self._policy.failures:",
                "if True:",
            ),
        ),
        ("tests/test_breaker.py::test_a_lone_request_survives_an_outage",),
    ),
    Mutant(
        "probe-with-what-failed",
        "five pages that fail for what they hold are an outage for ever: they are its probes",
        (Edit(f"{_API}/breaker.py", "if control is None or not self._pauses % 2:", "if True:"),),
        ("tests/test_client_control.py::test_any_number_of_malformed_pages_is_no_outage",),
    ),
    Mutant(
        "unanswered-ends-the-run",
        "one record that the API cannot serve ends every run: its tries count as an API that is away",
        (
            Edit(
                f"{_API}/persistence.py",
                "kind = UnavailableError if for_all else UnansweredError",
                "kind = UnavailableError",
            ),
        ),
        ("tests/acceptance/test_unanswered.py::test_a_record_that_the_api_cannot_serve_is_a_gap[500]",),
    ),
    Mutant(
        "tries-without-end",
        "a request that always fails is tried until its deadline",
        (Edit(f"{_API}/persistence.py", "failures >= policy.attempts or ", ""),),
        ("tests/test_client_retries.py::test_the_last_try_ends_it",),
    ),
    Mutant(
        "concurrency-without-bound",
        "any number of requests is under way",
        (
            Edit(
                f"{_API}/persistence.py",
                "async with self._slots.taken(urgent=urgent), self._breaker",
                "async with self._breaker",
            ),
        ),
        ("tests/test_client.py::test_no_more_than_allowed_are_under_way",),
    ),
    Mutant(
        "first-come-first-served",
        "a page that tells what to ask next waits behind the pages of all other windows",
        (Edit(f"{_API}/slots.py", "(not urgent, next(", "(False, next("),),
        ("tests/test_slots.py::test_urgent_ones_go_first",),
    ),
    Mutant(
        "body-without-limit",
        "a body without end is read to its end",
        (Edit(f"{_API}/transport.py", "                room -= len(piece)\n", ""),),
        ("tests/test_transport_limits.py::test_a_body_beyond_its_cap_is_cut_off",),
    ),
    Mutant(
        "bomb-unpacked",
        "a decompression bomb is unpacked whole",
        (
            Edit(
                f"{_API}/gunzip.py",
                "inflate.decompress(body[start : start + _SLICE], room + 1)",
                "inflate.decompress(body[start : start + _SLICE])",
            ),
            Edit(
                f"{_API}/gunzip.py",
                "            if room < 0:\n                raise too_large(limit)\n",
                "",
            ),
        ),
        ("tests/test_compression.py::test_a_text_of_exactly_the_limit_passes",),
    ),
    Mutant(
        "short-gzip-accepted",
        "a gzip body that was cut short is taken for whole",
        (Edit(f"{_API}/gunzip.py", "if not inflate.eof:", "if False:"),),
        ("tests/test_compression.py::test_a_cut_gzip_is_noticed",),
    ),
    Mutant(
        "error-as-empty-page",
        "an error that comes with HTTP 200 is taken for a page without records",
        (
            Edit(
                f"{_API}/envelope.py",
                '    _raise_error(envelope)\n    records = envelope.get("result")\n',
                '    records = [] if "error" in envelope else envelope.get("result")\n',
            ),
        ),
        ("tests/test_protocol.py::test_an_error_beside_a_result_is_an_error",),
    ),
    Mutant(
        "zone-not-checked",
        "times of another zone are taken for UTC",
        (Edit(f"{_API}/page_source.py", "            check_zone(news)\n", ""),),
        ("tests/acceptance/test_faults.py::test_what_no_repetition_mends_ends_the_run_at_once[zone]",),
    ),
    Mutant(
        "failure-looks-like-cancellation",
        "on Python 3.11.2, the first timeout after a failed round ends a service",
        (Edit("harvester/task_group.py", "                task.uncancel()\n", "                pass\n"),),
        ("tests/test_task_group.py::test_a_group_that_failed_leaves_no_request_to_cancel",),
    ),
)
