from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.plan import density
from harvester.plan.density import Density
from harvester.window import Window

HOUR, DAY, WEEK = 3_600, 86_400, 7 * 86_400
MONDAY = 4 * DAY  # 1970-01-05, the first one after the epoch
QUARTERS = (0.1, 0.25, 0.5, 0.75, 0.9)

windows = st.builds(
    lambda start, seconds: Window(start, start + seconds),
    st.integers(0, 2_000_000_000),
    st.one_of(st.integers(1, 3 * HOUR), st.integers(1, 4 * WEEK)),
)
shares = st.floats(0, 1)
profiles = st.dictionaries(st.integers(0, 167), st.integers(0, 100_000))


def office(hour: int) -> int:
    """Records in an hour since the epoch: many from Monday to Friday between 9 and 18, few else."""
    day, clock = divmod((hour - MONDAY // HOUR) % 168, 24)
    return 1_000 if day < 5 and 9 <= clock < 18 else 10


def observed(window: Window) -> Density:
    """What a harvest of whole hours of an office's history learns."""
    learned = Density()
    hours = range(window.start // HOUR, window.end // HOUR)
    learned.observe(window, {hour: office(hour) for hour in hours})
    return learned


def learned_from(profile: dict[int, int]) -> Density:
    """A density that has seen one week, with ``profile`` records by hour of the week."""
    learned = Density()
    learned.observe(Window(MONDAY, MONDAY + WEEK), {MONDAY // HOUR + cell: n for cell, n in profile.items()})
    return learned


def off_by(cutter: Density, window: Window, share: float) -> float:
    """By what share of the window's records a cut misses its aim."""
    cut = cutter.cut(window, share)
    rows = {hour: office(hour) for hour in range(window.start // HOUR, window.end // HOUR)}
    before = sum(n for hour, n in rows.items() if (hour + 1) * HOUR <= cut)
    return abs((before + rows.get(cut // HOUR, 0) * (cut % HOUR) / HOUR) / sum(rows.values()) - share)


@pytest.mark.parametrize("share", QUARTERS)
@pytest.mark.parametrize(
    "window",
    [
        Window(MONDAY, MONDAY + 1_000),
        Window(MONDAY + 1_234, MONDAY + 1_234 + DAY),
        Window(MONDAY + 59, MONDAY + 59 + WEEK),
        Window(MONDAY + 59, MONDAY + 59 + 30 * DAY + 7),
    ],
    ids=["minutes", "day", "week", "month"],
)
def test_a_flat_profile_cuts_in_proportion_to_time(window: Window, share: float) -> None:
    """Before anything was learned, a share of the records is the same share of the seconds."""
    assert Density().cut(window, share) == pytest.approx(window.start + share * window.seconds, abs=1)


@given(profiles, windows, shares)
def test_a_cut_lies_after_the_first_second_and_not_after_the_end(
    profile: dict[int, int], window: Window, share: float
) -> None:
    """The head of a cut always has a second, and the tail never begins outside the window."""
    assert window.start < learned_from(profile).cut(window, share) <= window.end


@given(profiles, windows, st.lists(shares, min_size=2, max_size=8))
def test_a_larger_share_never_cuts_earlier(
    profile: dict[int, int], window: Window, some: list[float]
) -> None:
    """``cut`` is monotone in the share."""
    cutter = learned_from(profile)
    cuts = [cutter.cut(window, share) for share in sorted(some)]
    assert all(first <= second for first, second in pairwise(cuts))


@given(profiles, windows)
@example({}, Window(MONDAY, MONDAY + 2 * WEEK))
def test_the_whole_share_is_the_whole_window(profile: dict[int, int], window: Window) -> None:
    """Before the end of a window lie all of its records."""
    assert learned_from(profile).cut(window, 1.0) == pytest.approx(window.end, abs=1)


@pytest.mark.parametrize("share", QUARTERS)
@pytest.mark.parametrize("start", [MONDAY, MONDAY + 3 * DAY + 5 * HOUR], ids=["monday", "thursday"])
def test_a_learned_profile_cuts_where_the_records_are(start: int, share: float) -> None:
    """After years of history, a cut misses its share by 2 % of the records at most."""
    learned = observed(Window(MONDAY, MONDAY + 520 * WEEK))
    assert off_by(learned, Window(start, start + WEEK), share) < 0.02


def test_every_week_seen_makes_cuts_better() -> None:
    """The flat prior gives way as history comes in, and is far off without any."""
    window = Window(MONDAY, MONDAY + DAY)
    spans = [MONDAY + weeks * WEEK for weeks in (1, 10, 50, 500)]
    misses = [off_by(Density(), window, 0.25)]
    misses += [off_by(observed(Window(MONDAY, end)), window, 0.25) for end in spans]
    assert misses == sorted(misses, reverse=True)
    assert misses[0] > 0.2


def test_learning_after_a_cut_changes_the_next_one() -> None:
    """A profile is not frozen by its first use."""
    cutter, window = Density(), Window(MONDAY, MONDAY + DAY)
    noon = cutter.cut(window, 0.5)
    cutter.observe(window, {MONDAY // HOUR: 1_000_000})
    assert cutter.cut(window, 0.5) < noon


def test_hours_without_records_count_as_seen() -> None:
    """A silent night is learned too: its hours weigh less than hours that nobody looked at."""
    cutter = Density()
    for week in range(100):
        start = MONDAY + week * WEEK
        cutter.observe(Window(start, start + 12 * HOUR), {})
    assert cutter.cut(Window(MONDAY, MONDAY + DAY), 0.5) > MONDAY + 16 * HOUR


@given(profiles, windows, shares)
def test_facts_carry_the_profile_to_the_next_run(
    profile: dict[int, int], window: Window, share: float
) -> None:
    """A density made from the facts of another cuts like it."""
    learned = learned_from(profile)
    again = Density(learned.facts)
    assert again.facts == learned.facts
    assert again.cut(window, share) == learned.cut(window, share)


def test_the_facts_of_mere_seconds_serve_the_next_run() -> None:
    """Rows seen in so short a time that their hours round to none are no division by zero."""
    learned = Density()
    learned.observe(Window(MONDAY, MONDAY + 1), {MONDAY // HOUR: 30_000})
    assert sum(learned.facts["density_hours"]) == 0
    window = Window(MONDAY, MONDAY + DAY)
    assert window.start < Density(learned.facts).cut(window, 0.5) < window.end


@pytest.mark.parametrize(
    "garbage",
    [
        "text",
        7,
        None,
        {},
        [],
        [1.0] * 167,
        [1.0] * 169,
        ["1"] * 168,
        [None] * 168,
        [-1.0] * 168,
        [float("nan")] * 168,
        [float("inf")] * 168,
    ],
    ids=repr,
)
@pytest.mark.parametrize("fact", ["density_rows", "density_hours"])
def test_facts_that_are_no_profile_are_ignored(fact: str, garbage: object) -> None:
    """Whatever else the ledger holds under the profile's names, a run starts flat, and goes on."""
    facts: dict[str, object] = {**observed(Window(MONDAY, MONDAY + WEEK)).facts, fact: garbage}
    assert Density(facts).facts == Density().facts


def test_a_cut_of_ten_years_looks_at_two_weeks_of_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full weeks are multiplied, not walked through."""
    steps = 0
    enumerate_hours = density._hours

    def counted(window: Window) -> list[tuple[int, float]]:
        nonlocal steps
        hours = enumerate_hours(window)
        steps += len(hours)
        return hours

    learned = observed(Window(MONDAY, MONDAY + 60 * WEEK))
    monkeypatch.setattr(density, "_hours", counted)
    cut = learned.cut(Window(MONDAY + 1, MONDAY + 1 + 3_650 * DAY), 0.5)
    assert cut == pytest.approx(MONDAY + 1_825 * DAY, abs=4 * DAY)
    assert steps <= 2 * 169
