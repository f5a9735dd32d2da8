import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from harvester.lake.catalog import Catalog
from harvester.lake.entries import Intent, ProvenWindow, Publication, Suspect
from harvester.window import Gap, Window
from tests.lake.history import Lake


def file_of(start: int, end: int, *covers: Window) -> Publication:
    """The file of a partition; ``covers`` all of it by default."""
    span = Window(start, end)
    path = Path("calls", f"{start}.parquet")
    return Publication(
        span, path, end - start, 1_000, f"{start:064x}", complete=True, covers=covers or (span,)
    )


def listed(*publications: Publication) -> list[Publication]:
    """As the catalog lists them: their coverage is in its own account."""
    return [replace(item, covers=()) for item in publications]


def test_coverage_is_merged(lake: Lake) -> None:
    """Files, parts of files and seconds without any record count alike; a new file replaces the old."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    half, whole = file_of(20, 30, Window(20, 25)), replace(file_of(20, 30), complete=False, rows=99)
    later = file_of(50, 60)
    lake.catalog.publish([later, half], run, empty=[Window(60, 65)])
    assert lake.catalog.coverage() == (Window(20, 25), Window(50, 65))
    assert lake.catalog.published() == listed(half, later)
    lake.catalog.publish([whole], run, empty=[Window(30, 50)])
    assert lake.catalog.coverage() == (Window(20, 65),)
    assert lake.catalog.published() == listed(whole, later)
    assert Catalog(lake.database, "archive").coverage() == ()


def test_files_are_found_by_their_span(lake: Lake) -> None:
    """Those that share a second with what is asked; touching is not sharing."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    first, second, third = files = [file_of(0, 10), file_of(10, 20), file_of(30, 40)]
    lake.catalog.publish(files, run)
    assert lake.catalog.published(Window(9, 10)) == listed(first)
    assert lake.catalog.published(Window(10, 30)) == listed(second)
    assert lake.catalog.published(Window(19, 31)) == listed(second, third)
    assert lake.catalog.published(Window(20, 30)) == []
    assert lake.catalog.has_file(Window(10, 20))
    assert not lake.catalog.has_file(Window(20, 30))
    assert not Catalog(lake.database, "archive").has_file(Window(10, 20))


def test_windows_and_gaps_go_when_all_their_seconds_are_covered(lake: Lake) -> None:
    """Windows in whatever state, so that their answers are freed, but not half covered; gaps bit by bit."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    for window in (Window(0, 15), Window(15, 35)):
        lake.ledger.record(window, proven=[ProvenWindow(window, 1)], run=run)
    gaps = [Gap(Window(36, 37), 2, 1, "lost"), Gap(Window(39, 41), 2, 1, "lost")]
    lake.ledger.record(Window(35, 41), waiting=[Window(35, 36)], gaps=gaps, run=run)
    assert lake.catalog.publish([file_of(0, 10)], run) == []
    assert lake.catalog.publish([file_of(10, 20)], run) == [Window(0, 15)]
    assert lake.catalog.publish([file_of(20, 40)], run) == [Window(15, 35), Window(35, 36)]
    assert lake.ledger.window_starts() == set()
    assert lake.ledger.gaps() == [Gap(Window(40, 41), None, 0, "lost")]


def test_a_decision_stands_until_it_is_carried_out_or_taken_back(lake: Lake) -> None:
    """With all that finishing it takes; of two decisions on one partition the later stands."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    first, second = (
        Intent(publication, Path("/lake/tmp", publication.path.name))
        for publication in (file_of(0, 10, Window(0, 3), Window(5, 10)), file_of(10, 20))
    )
    lake.catalog.intend([second], run - 1)
    lake.catalog.intend([first, second], run)
    assert sorted(lake.catalog.intents(), key=lambda item: item[0].publication.span) == [
        (first, run),
        (second, run),
    ]
    assert Catalog(lake.database, "archive").intents() == []
    lake.catalog.withdraw([second])
    assert lake.catalog.intents() == [(first, run)]
    assert lake.catalog.coverage() == ()
    lake.catalog.publish([first.publication], run)
    assert lake.catalog.intents() == []
    assert lake.catalog.coverage() == (Window(0, 3), Window(5, 10))


def test_publishing_that_fails_changes_nothing(lake: Lake) -> None:
    """One transaction: files, coverage and decisions change together or not at all."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    intents = [Intent(file_of(0, 10), Path("/lake/tmp/0")), Intent(file_of(10, 20), Path("/lake/tmp/10"))]
    lake.catalog.intend(intents, run)
    with pytest.raises(sqlite3.IntegrityError):
        lake.catalog.publish([intent.publication for intent in intents], run + 1, empty=[Window(20, 30)])
    assert lake.catalog.coverage() == ()
    assert lake.catalog.published() == []
    assert len(lake.catalog.intents()) == 2


def accused(lake: Lake, *windows: Window, found_by: str = "file") -> None:
    """Verify found these seconds wrong."""
    lake.ledger.accuse(found_by, [Suspect(window, found_by, "changed") for window in windows], 0.0)


def suspects(lake: Lake) -> list[Window]:
    """What is suspect."""
    return [item.window for item in lake.ledger.suspects()]


def test_what_was_read_anew_is_suspect_no_more(lake: Lake) -> None:
    """Piece by piece, in the commit that publishes it; what a rewritten file merely kept stays suspect."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    lake.catalog.publish([file_of(0, 10)], run, empty=[Window(10, 40)])
    accused(lake, Window(0, 10), Window(10, 40))
    accused(lake, Window(5, 10), found_by="count")
    lake.catalog.publish([file_of(0, 10)], run, anew=[Window(20, 60)])
    assert suspects(lake) == [Window(0, 10), Window(5, 10), Window(10, 40)]
    lake.catalog.publish([file_of(0, 10)], run, empty=[Window(30, 35)], anew=[Window(5, 60)])
    assert suspects(lake) == [Window(0, 5), Window(10, 30), Window(35, 40)]
    lake.catalog.publish([], run, empty=[Window(10, 40)], anew=[Window(10, 40)])
    assert suspects(lake) == [Window(0, 5)]
    assert lake.catalog.coverage() == (Window(0, 40),)


def test_answers_that_replace_published_ones_wait_for_their_own_publication(lake: Lake) -> None:
    """Their seconds are covered, by the old file: the publication of others does not free them."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    lake.catalog.publish([file_of(0, 10), file_of(10, 20)], run)
    for window in (Window(0, 5), Window(5, 15), Window(15, 20)):
        lake.ledger.record(window, proven=[ProvenWindow(window, 1)], run=run)
    assert lake.catalog.publish([file_of(0, 10)], run, anew=[Window(0, 20)]) == [Window(0, 5)]
    rest = [Window(5, 15), Window(15, 20)]
    assert lake.catalog.publish([file_of(10, 20)], run, anew=[Window(10, 20)]) == rest


def test_a_gap_in_covered_seconds_stays_until_it_is_read_anew(lake: Lake) -> None:
    """What reads them not leaves it, and the answers that wait there; so does a start after a kill."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    lake.catalog.publish([file_of(0, 10), file_of(10, 20)], run)
    gap, waits = Gap(Window(4, 8), 2, 1, "lost"), ProvenWindow(Window(4, 8), 1)
    lake.ledger.record(Window(4, 8), gaps=[gap], run=run)
    lake.ledger.record(Window(4, 8), proven=[waits], run=run)
    lake.catalog.publish([file_of(0, 10)], run, anew=[Window(10, 20)])
    lake.catalog.publish([file_of(10, 20)], run, anew=[Window(0, 20)])
    lake.catalog.forget_published()
    assert (lake.ledger.gaps(), lake.ledger.proven_windows()) == ([gap], [waits])
    lake.catalog.publish([file_of(0, 10)], run, anew=[Window(0, 6)])
    assert lake.ledger.gaps() == [Gap(Window(6, 8), None, 0, "lost")]
    assert lake.catalog.publish([file_of(0, 10)], run, anew=[Window(6, 10)]) == [Window(4, 8)]
    assert lake.ledger.gaps() == []


def test_a_gap_goes_where_a_record_runs(lake: Lake) -> None:
    """It was read, and is left to a later run as every other second is."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    lake.ledger.record(Window(0, 10), gaps=[Gap(Window(0, 10), 2, 1, "lost")], run=run)
    lake.catalog.publish([], run, left=[Window(0, 6)])
    assert lake.ledger.gaps() == [Gap(Window(6, 10), None, 0, "lost")]


def test_answers_for_suspect_seconds_are_kept_until_these_are_published(lake: Lake) -> None:
    """Though the seconds are covered: by the old file. A gap found there stays a gap as well."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    lake.catalog.publish([file_of(0, 10), file_of(10, 20)], run)
    accused(lake, Window(0, 10), Window(10, 20))
    gap = Gap(Window(15, 16), 2, 1, "lost")
    lake.ledger.record(Window(0, 10), proven=[ProvenWindow(Window(0, 10), 1)], run=run)
    lake.ledger.record(Window(10, 20), proven=[ProvenWindow(Window(10, 15), 1)], gaps=[gap], run=run)
    both = [Window(0, 20)]
    assert lake.catalog.publish([file_of(0, 10)], run, anew=both) == [Window(0, 10)]
    assert lake.ledger.window_starts() == {10}
    assert lake.ledger.gaps() == [gap]


def test_a_file_that_holds_less_than_before_covers_less(lake: Lake) -> None:
    """A gap let through, or seconds left to a later run, are no longer covered by the file they were in."""
    run = lake.ledger.begin(Window(0, 100), 0.0)
    lake.catalog.publish([file_of(0, 10), file_of(10, 20)], run, empty=[Window(20, 30)])
    accused(lake, Window(10, 20))
    smaller = file_of(10, 20, Window(10, 12), Window(15, 20))
    lake.catalog.publish([smaller], run, left=[Window(25, 26)], anew=[Window(10, 20)])
    assert lake.catalog.coverage() == (Window(0, 12), Window(15, 25), Window(26, 30))
    assert suspects(lake) == [Window(12, 15)]


def test_answers_from_before_a_count_are_not_replayed(lake: Lake) -> None:
    """Where the API counts otherwise today, windows that wait are forgotten; a damaged file tells nothing.

    What such a window holds beyond is still to be read.
    """
    run = lake.ledger.begin(Window(0, 100), 0.0)
    for window in (Window(0, 10), Window(10, 30), Window(30, 40)):
        lake.ledger.record(window, proven=[ProvenWindow(window, 1)], run=run)
    accused(lake, Window(0, 20))
    assert lake.ledger.window_starts() == {0, 10, 30}
    accused(lake, Window(20, 30), found_by="count")
    assert lake.ledger.open_windows() == (Window(10, 20),)
    assert [item.window for item in lake.ledger.proven_windows()] == [Window(0, 10), Window(30, 40)]
    assert suspects(lake) == [Window(0, 20), Window(20, 30)]
    accused(lake)
    assert suspects(lake) == [Window(20, 30)]
