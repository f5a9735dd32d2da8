"""Bugs in when the API is asked, and how often: pace, pauses, repeats, outages."""

from tests.mutants.mutant import Edit, Mutant

_API = "harvester/api"

PACE = (
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
            Edit(f"{_API}/client.py", "self._pace.leave()", "self._pace.thaw()"),
        ),
        ("tests/test_client_pace.py::test_repeated_requests_are_paced_too",),
    ),
    Mutant(
        "paced-before-connecting",
        "requests are paced before their connection stands, so slow handshakes bunch them",
        (Edit(f"{_API}/client.py", "self._pace.leave()", "self._pace.thaw()"),),
        ("tests/test_client_pace.py::test_a_client_paces_what_leaves_not_what_connects",),
    ),
    Mutant(
        "retry-after-ignored",
        "`Retry-After` is not kept",
        (
            Edit(
                f"{_API}/persistence.py",
                "self._hold(max(delay, asked or 0.0), error, failed)",
                "self._hold(delay, error, failed)",
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
                "self._hold(max(delay, asked or 0.0), error, failed)",
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
        "refusal-slows-nobody",
        "after the pause that a refusal asks for, requests leave as fast as before",
        (Edit(f"{_API}/throttle.py", "if turn <= self._cut:", "if True:"),),
        ("tests/test_throttle.py::test_a_client_slows_down_where_it_is_refused",),
    ),
    Mutant(
        "refused-together-slowed-each",
        "of requests that are refused together each one cuts the rate, and nothing is left of it",
        (Edit(f"{_API}/throttle.py", "if turn <= self._cut:", "if False:"),),
        ("tests/test_throttle.py::test_what_left_before_the_cut_does_not_cut_again",),
    ),
    Mutant(
        "refused-host-slows-all",
        "a host that takes fewer files slows the files of all others",
        (Edit(f"{_API}/download.py", "self._pace.freeze(pause)", "super()._hold(pause, _error, _failed)"),),
        ("tests/test_download.py::test_a_host_that_takes_less_slows_no_other",),
    ),
    Mutant(
        "rate-never-raised",
        "a rate that was cut stays so for the rest of the run",
        (Edit(f"{_API}/throttle.py", "(periods - 1) ** 3", "min(0, periods - 1) ** 3"),),
        ("tests/test_throttle.py::test_the_rate_that_was_refused_is_tried_again_after_a_minute",),
    ),
    Mutant(
        "queue-held-against-a-request",
        "a request that waited long for its turn is given up when it fails once",
        (Edit(f"{_API}/persistence.py", "deadline += max(0.0, clock() - queued)", "pass"),),
        ("tests/test_client_retries.py::test_the_wait_for_a_turn_is_not_held_against_a_request",),
    ),
)
