"""Bugs on the way to the API: whom it trusts, what it lets out, what it takes for an answer."""

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
        (
            Edit(
                f"{_API}/client.py",
                "            await self._pace.leave()\n            token = self._tokens.token()\n",
                "            token = self._tokens.token()\n            await self._pace.leave()\n",
            ),
        ),
        ("tests/test_client_pauses.py::test_a_token_does_not_wait_for_the_end_of_a_pause",),
    ),
    Mutant(
        "token-in-error",
        "the error of a failed connection quotes the request",
        (
            Edit(
                f"{_API}/transport.py",
                "self.headers[hdrs.AUTHORIZATION] = ",
                "self.headers[hdrs.AUTHORIZATION] = _CLOCK.get().sent = ",
            ),
            Edit(
                f"{_API}/transport.py",
                'TransportError(f"{host}: {_kind(error)}")',
                "TransportError(f\"{host}: {_kind(error)} ({vars(clock).get('sent')})\")",
            ),
        ),
        ("tests/wire/test_answers.py::test_an_answer_for_ever[F01 reset before the first byte]",),
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
