"""Whatever the history and however the API behaves: what is published is true, and gaps say the rest.

Thousands of small histories, with caps so small that sixty sessions need all that a million would.
"""

import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harvester import harvest
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.harvest import Backfill
from harvester.lake.catalog import Catalog
from harvester.lake.database import Database
from harvester.lake.layout import Layout
from harvester.report import Report
from harvester.window import Window, merged
from tests.acceptance.vendor import LIES, Change, Session, Vendor
from tests.virtual_time import VirtualTimeLoop

START = 1_711_929_600 - 900  # a quarter of an hour before a month, a day and an hour begin
SECONDS = 1_800
# Of each of nine tests; always the same ones, unless another number is asked for: then new ones each time.
EXPLORED = os.environ.get("HARVESTER_CASES")
CASES = int(EXPLORED or 60)
MOST_REQUESTS = 20_000  # far above what 80 sessions can need: it ends
MEMORY = Path("/dev/shm")  # noqa: S108  (a file system in memory, where there is one: thousands of small lakes)

# As few columns as place a session: decoding the other sixty would be most of a case's time.
PLACING = {"call_session_history_id", "application_id", "rule_name", "user_id", "start_date", "active"}
SMALL = replace(CALLS, fields=tuple(field for field in CALLS.fields if field.name in PLACING))
DUCKDB = duckdb.connect()

pytestmark = pytest.mark.large

quickly = settings(
    max_examples=CASES,
    derandomize=not EXPLORED,
    phases=(Phase.explicit, Phase.generate),
    # One case is a whole run with a lake of its own, so drawing is the smaller part of it.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left."""

    report: Report
    published: Counter[int]
    coverage: tuple[Window, ...]
    requests: int


def sessions(most: int = 60, *, crowded: bool = False) -> st.SearchStrategy[list[Session]]:
    """Histories: a few busy seconds, some that are neighbours, and others anywhere."""
    busy = st.sampled_from([0, 1, 2, 899, 900, 901, SECONDS - 1])
    seconds = busy if crowded else st.one_of(busy, st.integers(0, SECONDS - 1))
    single = st.builds(
        Session,
        key=st.integers(1, 10**12),
        second=seconds.map(START.__add__),
        application=st.sampled_from([1, 2, 3, None] if crowded else [1]),
        rule=st.sampled_from(["a", "b & c", None]),
        user=st.sampled_from([5, 6, None]),
    )
    return st.lists(single, max_size=most, unique_by=lambda session: session.key)


orders = st.sampled_from(["stable", "reversed", "shuffled"])


@st.composite
def vendors(draw: st.DrawFn, /, history: st.SearchStrategy[list[Session]], **settings: Any) -> Vendor:
    """The API with some history; caps, bounds and order as it comes."""
    size = draw(st.integers(1, 4))
    dataset = replace(SMALL, page_size=size, max_offset=size * draw(st.integers(0, 4)))
    choices = {
        "order": orders,
        "from_inclusive": st.booleans(),
        "to_inclusive": st.booleans(),
        "widest": st.one_of(st.none(), st.integers(SECONDS // 6, SECONDS)),
        "seed": st.integers(0, 9),
        **settings,
    }
    return Vendor(dataset, draw(history), **{name: draw(choice) for name, choice in choices.items()})


def run(vendor: Vendor, **settings: Any) -> Outcome:
    """One whole run over the half-hour, in virtual time, into a lake that is thrown away."""
    folder = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as lake, pytest.MonkeyPatch.context() as patch:
        patch.setattr(harvest, "connected", lambda *_, **__: _connected(vendor))
        job = Job(
            dataset=vendor.dataset,
            name="calls",
            window=Window(START, START + SECONDS),
            lake=Path(lake),
            credentials=Path("none"),
            partition="hour",
            allow_gaps=True,
            **settings,
        )
        account: Any = SimpleNamespace(account_id=1)
        loop = VirtualTimeLoop()
        try:
            report = loop.run_until_complete(Backfill(job, account).run())
        finally:
            loop.close()
        with Database.open(Layout(job.lake, "calls").ledger, read_only=True) as database:
            coverage = Catalog(database, "calls").coverage()
        return Outcome(report, _keys(job.lake), coverage, vendor.asked)


@asynccontextmanager
async def _connected(vendor: Vendor) -> AsyncIterator[Vendor]:
    yield vendor


def _keys(lake: Path) -> Counter[int]:
    if not list(lake.glob("calls/**/*.parquet")):
        return Counter()
    query = f"SELECT call_session_history_id FROM read_parquet('{lake}/calls/**/*.parquet')"
    return Counter(key for (key,) in DUCKDB.execute(query).fetchall())


def judge(outcome: Outcome, always: Sequence[Session], ever: Sequence[Session]) -> None:
    """What holds in every case.

    Args:
        outcome: What a run left.
        always: Sessions that were there from its first request to its last.
        ever: All that were there at some time.
    """
    gaps = [gap.window for gap in outcome.report.gaps]
    assert (outcome.report.outcome == "gaps") == bool(gaps)
    assert not [key for key, times in outcome.published.items() if times > 1], "nothing is doubled"
    assert set(outcome.published) <= {session.key for session in ever}, "nothing is made up"
    lost = [session for session in always if session.key not in outcome.published]
    assert all(any(session.second in gap for gap in gaps) for session in lost), "a gap says what is missing"
    whole = Window(START, START + SECONDS)
    assert merged([*outcome.coverage, *gaps]) == (whole,), "every second is proven or a gap"
    assert sum(window.seconds for window in (*outcome.coverage, *gaps)) == whole.seconds, "and not both"
    assert outcome.requests <= MOST_REQUESTS


@quickly
@given(vendors(sessions()), st.sampled_from([1, 8, 30]))
def test_any_history(vendor: Vendor, concurrency: int) -> None:
    """Any caps, bounds and orders: everything is there, unless a single second is beyond reach."""
    truth = list(vendor.sessions)
    outcome = run(vendor, concurrency=concurrency)
    judge(outcome, truth, truth)
    if vendor.order != "shuffled":
        crowds = Counter(session.second for session in truth)
        beyond = {second for second, crowd in crowds.items() if crowd >= 2 * vendor.dataset.reach}
        assert {second for gap in outcome.report.gaps for second in _seconds(gap.window)} <= beyond


@quickly
@given(vendors(sessions(80, crowded=True), widest=st.none()))
def test_crowded_seconds(vendor: Vendor) -> None:
    """Seconds far beyond the reach of both ends, with few applications, rules and users."""
    truth = list(vendor.sessions)
    judge(run(vendor), truth, truth)


@quickly
@given(vendors(sessions(80, crowded=True), forgotten=st.just(frozenset({2})), order=st.just("stable")))
def test_an_application_that_the_api_forgot(vendor: Vendor) -> None:
    """It refuses the filter for an application that its records name: no failure, at worst a gap."""
    truth = list(vendor.sessions)
    judge(run(vendor), truth, truth)


@pytest.mark.parametrize("crowded", [False, True])
@quickly
@given(st.data())
def test_sessions_that_come_while_it_reads(crowded: bool, data: st.DataObject) -> None:  # noqa: FBT001
    """Those that were there all the time are there; the new ones may be.

    With more changes than one nothing is doubled or made up, but two may hide a third (README, limits).
    """
    vendor = data.draw(vendors(sessions(crowded=crowded)))
    late = data.draw(sessions(4, crowded=crowded))
    truth = list(vendor.sessions)
    known = {session.key for session in truth}
    when = data.draw(st.integers(0, 40))
    vendor.changes = [
        Change(when + 3 * number, session, comes=True)
        for number, session in enumerate(late)
        if session.key not in known
    ]
    judge(run(vendor), truth if len(vendor.changes) < 2 else [], [*truth, *late])


@pytest.mark.parametrize("crowded", [False, True])
@quickly
@given(st.data())
def test_sessions_that_go_while_it_reads(crowded: bool, data: st.DataObject) -> None:  # noqa: FBT001
    """Those that stay are there, if one goes; those that went may be."""
    vendor = data.draw(vendors(sessions(crowded=crowded)))
    truth = list(vendor.sessions)
    gone = data.draw(st.lists(st.sampled_from(truth), max_size=4, unique=True)) if truth else []
    when = data.draw(st.integers(0, 40))
    vendor.changes = [Change(when + 3 * number, session, comes=False) for number, session in enumerate(gone)]
    stay = [session for session in truth if session not in gone] if len(gone) < 2 else []
    judge(run(vendor), stay, truth)


SPREAD = [START + 40 * number + 7 for number in range(44)]
CROWD = [START + 100, START + 200, START + 300, *8 * [START + 700]]


@pytest.mark.parametrize(
    ("seconds", "leaving"), [(SPREAD, slice(0, None, 7)), (CROWD, slice(3, 6))], ids=["cut", "dense"]
)
def test_one_session_that_goes_at_any_moment(seconds: list[int], leaving: slice) -> None:
    """Of a window that is cut, or of a dense second: none of the others is lost with it."""
    truth = [Session(key, second) for key, second in enumerate(seconds, 1)]
    for gone in truth[leaving]:
        for when in range(1, 26, 2):
            vendor = Vendor(replace(SMALL, page_size=1, max_offset=4), truth, seed=8)
            vendor.changes = [Change(when, gone, comes=False)]
            judge(run(vendor), [session for session in truth if session != gone], truth)


@quickly
@given(vendors(sessions(), lies=st.dictionaries(st.integers(1, 60), st.sampled_from(LIES), max_size=12)))
def test_answers_that_lie(vendor: Vendor) -> None:
    """Totals missing, wrong, negative or text; records repeated, dropped, moved: found, never believed."""
    truth = list(vendor.sessions)
    judge(run(vendor), truth, truth)


@quickly
@given(vendors(sessions(30)), st.sampled_from(LIES))
def test_an_api_that_always_lies_in_one_way(vendor: Vendor, lie: str) -> None:
    """It ends, and what it publishes is true.

    Not judged: a second beyond the reach of one end, of an order that changes with every request, when every
    total is one too small. No answer shows it then (README, limits).
    """
    vendor.lies = dict.fromkeys(range(1, 5_000), lie)
    truth = list(vendor.sessions)
    crowds = Counter(session.second for session in truth)
    hidden = vendor.order == "shuffled" and lie == "total below"
    judged = [session for session in truth if not hidden or crowds[session.second] <= vendor.dataset.reach]
    try:
        outcome = run(vendor)
    except ExceptionGroup:
        assert lie in ("text total", "negative total"), "an answer that is no answer ends the run"
        return
    judge(outcome, judged, truth)


def _seconds(window: Window) -> range:
    return range(window.start, window.end)
