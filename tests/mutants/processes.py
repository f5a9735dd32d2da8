"""Bugs between the processes of one run: budget, pauses, ownership, ends."""

from tests.mutants.mutant import Edit, Mutant

_PROCESSES = "harvester/processes"
_BUDGET = "tests/processes/test_permits.py::test_the_budget_holds_however_late_a_permit_is"
_KEPT = "test_a_pause_that_ends_a_run_of_several_processes_is_kept_by_the_next"
_ALONE = "test_a_worker_without_coordinator_ends_and_keeps_the_lake_until_then"

PROCESSES = (
    Mutant(
        "permit-handed-out-twice",
        "a permit that is on its way to one worker is handed out to another as well",
        (
            Edit(
                f"{_PROCESSES}/permits.py",
                "            self._out += count\n        return count\n",
                "        return count\n",
            ),
            Edit(
                f"{_PROCESSES}/permits.py", "self._most - self._level - self._out", "self._most - self._level"
            ),
        ),
        (f"{_BUDGET}[20-0.3]",),
    ),
    Mutant(
        "permit-ages-on-its-way",
        "a permit counts as used when it is handed out, however late its worker is",
        (
            Edit(
                f"{_PROCESSES}/permits.py",
                "            self._out += count\n        return count\n",
                "            self._level += count\n        return count\n",
            ),
            Edit(
                f"{_PROCESSES}/permits.py",
                "        self._out -= count\n        self._level += count\n",
                "",
            ),
        ),
        (f"{_BUDGET}[20-2.0]",),
    ),
    Mutant(
        "pause-of-one-process",
        "a pause that the API asks for stops the process that was told, and no other",
        (Edit(f"{_PROCESSES}/coordinator.py", "in self._lines.keys() - {number}:", "in ():"),),
        ("tests/acceptance/test_processes.py::test_a_pause_stops_all_processes",),
    ),
    Mutant(
        "refusal-of-one-process",
        "a refusal slows the process that was told, and no other",
        (Edit(f"{_PROCESSES}/coordinator.py", "seconds, since, refused)\n", "seconds, since, None)\n"),),
        ("tests/acceptance/test_processes.py::test_a_pause_stops_all_processes",),
    ),
    Mutant(
        "pause-of-one-run",
        "a pause that ends a run of several processes is not known to the next dataset's or account's run",
        (Edit(f"{_PROCESSES}/coordinator.py", "        self._pace.freeze(seconds, since=since)\n", ""),),
        (f"tests/acceptance/test_processes_failures.py::{_KEPT}[1]",),
    ),
    Mutant(
        "orphan-publishes",
        "a worker that outlives its coordinator may publish beside the next owner of the lake",
        (Edit(f"{_PROCESSES}/forks.py", "[] if lock is None else [lock]", "[]"),),
        (f"tests/processes/test_forks.py::{_ALONE}",),
    ),
    Mutant(
        "signal-ends-forks",
        "a signal to the whole group of processes ends the server of forks, and with it a run that ends well",
        (Edit(f"{_PROCESSES}/forks.py", "    with _signals_withheld():\n", "    if True:\n"),),
        ("tests/processes/test_forks.py::test_the_server_of_forks_outlives_a_signal_to_its_group",),
    ),
    Mutant(
        "worker-lost-unnoticed",
        "a run of which a worker was killed says that it is complete",
        (
            Edit(
                f"{_PROCESSES}/coordinator.py",
                "if (code := exit_code(process)) or number not in self._finished:",
                "if False:",
            ),
            Edit(f"{_PROCESSES}/coordinator.py", "raise WorkerLostError(code)", "raise WorkerLostError(0)"),
        ),
        ("tests/acceptance/test_processes.py::test_a_worker_is_killed",),
    ),
)
