"""Bugs in reports: what is ordered, and what proves what came."""

from tests.mutants.mutant import Edit, Mutant

_API = "harvester/api"

REPORTS = (
    Mutant(
        "report-not-counted",
        "the records of a report are not compared with a count of the API",
        (
            Edit(
                f"{_API}/report_count.py",
                "    if total == received:\n        return\n",
                "    return\n",
            ),
        ),
        ("tests/acceptance/test_report_columns.py::test_a_record_that_the_report_does_not_hold_is_missed",),
    ),
    Mutant(
        "report-ordered-twice",
        "what was ordered is forgotten by a kill",
        (
            Edit(f"{_API}/report_source.py", 'file.get(f"order {name}")', "None"),
            Edit(f"{_API}/report_source.py", "        if intended is None:\n", "        if True:\n"),
        ),
        (
            "tests/acceptance/test_report_jobs.py::test_a_killed_run_picks_its_report_up[GetHistoryReports-allowed]",
        ),
    ),
    Mutant(
        "order-forgotten",
        "the order of a report goes with its window when another range is asked for",
        (Edit("harvester/work.py", "if holds_order(spool.file(start))}", "if False}"),),
        ("tests/acceptance/test_report_jobs.py::test_an_order_outlives_a_run_over_less_of_the_range",),
    ),
    Mutant(
        "total-asked-once",
        "an answer without a total ends the run",
        (Edit(f"{_API}/counting.py", "_TRIES = 3", "_TRIES = 1"),),
        ("tests/acceptance/test_report_jobs.py::test_passing_faults_cost_time",),
    ),
    Mutant(
        "report-grouped-by-neighbours",
        "a session whose lines stand apart in a report loses some of its calls",
        (Edit("harvester/records/report_lines.py", "        if record in seen:\n", "        if False:\n"),),
        ("tests/test_report_lines.py::test_lines_of_a_session_may_stand_apart",),
    ),
)
