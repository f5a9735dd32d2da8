import json
from pathlib import Path
from typing import Any

import pytest

from harvester.cli.summary import print_summary
from harvester.config import Job
from harvester.datasets import CALLS, TRANSACTIONS
from harvester.report import Report
from harvester.window import Gap, Window

MAY_29, DAY = 1_716_940_800, 86_400
ASKED = Window(MAY_29, MAY_29 + DAY)
RANGE = "[2024-05-29 00:00:00, 2024-05-30 00:00:00)"

FULL: dict[str, Any] = {
    "outcome": "complete",
    "asked": ASKED,
    "settled": ASKED,
    "run": 1,
    "seconds": 12.5,
    "rows": 125_000,
    "replayed": 1_000,
    "quarantined": 2,
    "windows": 13,
    "partitions": 4,
    "published_rows": 124_000,
    "published_bytes": 43_000_000,
    "requests": 140,
    "planned": 137,
    "retries": 3,
    "received": 9_900_000,
    "paused": 61.0,
    "withheld": 5,
}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def shown(
    capsys: pytest.CaptureFixture[str], report: Report, *, rate: float | None = 8.0, lake: str = "/data/lake"
) -> list[str]:
    """The lines of a summary, with their words single-spaced."""
    job = Job(dataset=CALLS, name="sales", window=ASKED, lake=Path(lake), credentials=Path("k"), rate=rate)
    print_summary(report, job, as_json=False)
    out, err = capsys.readouterr()
    assert err == ""
    return [" ".join(line.replace("│", " ").split()) for line in out.splitlines()]


def gaps(number: int, expected: int | None = None) -> tuple[Gap, ...]:
    """That many seconds, none of them proven."""
    return tuple(
        Gap(Window(MAY_29 + n, MAY_29 + n + 1), expected, n, "[totals] disagree") for n in range(number)
    )


def test_a_complete_run_shows_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """What was planned beside what was spent, and nothing about gaps."""
    lines = shown(capsys, Report(**FULL))
    assert [line for line in lines if line[0] not in "┌└"] == [
        "Complete, and proven",
        RANGE,
        "sessions 125,000 1,000 of them received earlier",
        "quarantined 2",
        "windows 13 proven 0 gaps",
        "partitions 4 published 5 unfinished, withheld",
        "files 43.0 MB 124,000 rows",
        "requests 140 planned 137",
        "retries 3 1 min 1 s paused by the API",
        "received 9.9 MB",
        "time 12 s 10,000 sessions/s",
        "budget 8 requests/s",
    ]


@pytest.mark.parametrize(
    ("settings", "rate", "line"),
    [
        ({"seconds": 0.0}, 2.5, "budget 2.5 requests/s"),
        ({"seconds": 0.0}, None, "time 0.0 s"),
        ({}, None, "budget none"),
        ({"seconds": 125.0}, None, "time 2 min 5 s 1,000 sessions/s"),
        ({"planned": None}, None, "requests 140"),
        ({"cuts": 2}, 8.0, "budget 8 requests/s cut 2 times: the API refused more"),
    ],
)
def test_figures_that_are_not_known_are_left_out(
    capsys: pytest.CaptureFixture[str], settings: dict[str, Any], rate: float | None, line: str
) -> None:
    """No speed without time, no budget where there is none, no plan where none was needed."""
    assert line in shown(capsys, Report(**FULL | settings), rate=rate)


def test_a_summary_fits_a_pipe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 80 columns, with figures of any size: nothing is folded or cut."""
    monkeypatch.setenv("COLUMNS", "80")
    large = dict.fromkeys(
        ("rows", "replayed", "quarantined", "windows", "partitions", "published_rows", "requests", "planned"),
        123_456_789,
    )
    report = Report(**FULL | large | {"seconds": 60.0, "retries": 1_234_567, "withheld": 12_345})
    job = Job(dataset=TRANSACTIONS, name="t", window=ASKED, lake=Path("lake"), credentials=Path("k"))
    print_summary(report, job, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].strip() == RANGE
    assert len(lines) == 14
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("complete", "Complete, and proven"),
        ("gaps", "Finished with gaps"),
        ("interrupted", "Interrupted; run again to go on"),
        ("failed", "failed"),
    ],
)
def test_the_title_is_the_outcome(capsys: pytest.CaptureFixture[str], outcome: str, title: str) -> None:
    """In words; an outcome without words stands for itself."""
    assert shown(capsys, Report(**FULL | {"outcome": outcome}))[0] == title


@pytest.mark.parametrize(("number", "listed"), [(1, 1), (20, 20), (21, 20), (1_025, 20)])
def test_twenty_gaps_are_shown_of_more(capsys: pytest.CaptureFixture[str], number: int, listed: int) -> None:
    """The rest is counted, and the reader told where it stands and what to do."""
    lines = shown(capsys, Report(**FULL | {"outcome": "gaps", "gaps": gaps(number, 7)}))
    assert f"windows 13 proven {number:,} gap{'s' * (number > 1)}" in lines
    assert sum(line.startswith("Gap ") for line in lines) == listed
    more = [line for line in lines if line.startswith("…")]
    if number == listed:
        assert more == []
    else:
        assert more == [
            f"… and {number - 20:,} more gap{'s' * (number > 21)}; see --json or harvester status"
        ]
    assert " ".join(lines).endswith(
        "Run the same command again, or harvester repair, to try the gaps again;"
        " or add --allow-gaps to publish without."
    )


def test_gaps_that_the_lake_does_not_remember_are_nothing_to_try_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of an account that the API does not know: to repair there is nothing."""
    lines = shown(capsys, Report(**FULL | {"outcome": "gaps", "gaps": gaps(1, None), "run": None}))
    assert lines[-1].startswith("Gap ")


def test_what_is_still_running_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty spans at most, how many more, and what was taken although it claims to run."""
    running = tuple(Window(second, second + 1) for second in range(0, 44, 2))
    lines = shown(capsys, Report(**FULL | {"running": running, "stale": 3}))
    assert sum("are still running" in line for line in lines) == 20
    assert "… and 2 more such spans; see --json" in lines
    assert "1 session older than --active-lag claims to be running; taken as it is." in shown(
        capsys, Report(**FULL | {"stale": 1})
    )
    assert "3 sessions older than --active-lag claim to be running; taken as they are." in lines


@pytest.mark.parametrize(("expected", "words"), [(7, "7"), (0, "0"), (None, "an unknown number of")])
def test_a_gap_says_what_is_known_of_it(
    capsys: pytest.CaptureFixture[str], expected: int | None, words: str
) -> None:
    """Its span, how many records it should have and has, and why it is not proven."""
    lines = shown(capsys, Report(**FULL | {"outcome": "gaps", "gaps": gaps(1, expected)}))
    span = "[2024-05-29 00:00:00, 2024-05-29 00:00:01)"
    assert f"Gap {span}: {words} records expected, 0 received: [totals] disagree" in lines


def test_a_range_that_was_covered_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, that says that nothing was asked; a path is shown as it is."""
    report = Report(outcome="complete", asked=ASKED, settled=ASKED, covered=True)
    (line,) = shown(capsys, report, lake="/data/[old]/a lake")
    assert line == (
        f"Nothing to do: /data/[old]/a lake already holds {RANGE} of 'sales', proven and published;"
        " the API was asked for nothing."
    )


def test_a_range_that_is_not_settled_has_to_wait(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, that says what it waits for."""
    assert shown(capsys, Report(outcome="complete", asked=ASKED, settled=None, covered=True)) == [
        f"Nothing to do: nothing of {RANGE} is older than the settle lag yet."
    ]


@pytest.mark.parametrize("covered", [True, False])
def test_a_range_cut_at_the_settle_lag_says_how_far_it_went(
    capsys: pytest.CaptureFixture[str], *, covered: bool
) -> None:
    """The end that was asked for is not the end that was reached."""
    half = Window(MAY_29, MAY_29 + DAY // 2)
    lines = shown(capsys, Report(outcome="complete", asked=ASKED, settled=half, covered=covered))
    assert lines[-1] == (
        "The end of the range is not settled yet: harvested up to [2024-05-29 00:00:00, 2024-05-29 12:00:00)."
    )


def test_unknown_fields_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its count, whatever its name looks like."""
    unknown = (("sentiment", 1_204), ("[/bold]\x1b[2J:smile:", 1))
    assert shown(capsys, Report(**FULL, unknown=unknown))[-2:] == [
        "Unknown field 'sentiment' came 1,204 times; kept in the column 'extra'.",
        r"Unknown field '[/bold]\x1b[2J:smile:' came 1 time; kept in the column 'extra'.",
    ]


def test_json_is_the_whole_report(capsys: pytest.CaptureFixture[str]) -> None:
    """One object on stdout that parses back, with all gaps, and nothing beside it."""
    report = Report(**FULL | {"gaps": gaps(30), "unknown": (("x", 1),)})
    job = Job(dataset=CALLS, name="sales", window=ASKED, lake=Path("lake"), credentials=Path("k"))
    print_summary(report, job, as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"name": job.name, **json.loads(json.dumps(report.as_json()))}
    assert len(json.loads(out)["gaps"]) == 30
    assert err == ""
