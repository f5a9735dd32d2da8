"""Other datasets, flat tables, reports and files, for some of the seeds.

All of it is drawn from a stream of its own, on top of what the seed means by itself. So a seed that is not
chosen means what it always meant, and one that is has the same history in time, the same lives and kills.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from random import Random
from types import MappingProxyType
from typing import Any, Literal

from harvester.emulator import Fault
from harvester.emulator.behaviour import ReportBehaviour
from tests.simulation.forms import FORMS
from tests.simulation.network import CLEAR
from tests.simulation.scenario import Death, Life, Scenario

SHARE = 0.45
_CHOICES: Mapping[str, int] = MappingProxyType(
    {
        "transactions": 2,
        "acd": 2,
        "flat acd": 1,
        "audit": 2,
        "flat calls": 2,
        "files": 2,
        "brief_calls": 2,
        "calls by report": 2,
        "transactions by report": 1,
        "audit by report": 1,
    }
)
_WITHOUT: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {
        "calls by report": {"records": False, "resources": False},
        "transactions by report": {"extended_info": False},
    }
)
_BROKEN_FILES = ("short_body", "stalled_body", "hang_up", "reset", "http_500", "http_503", "slow")
_OF_FILES = ("file_bytes", "ranges", "etags", "lengths", "recording_days", "log_days")
_DAY = 86_400
_SHORT = 5 * _DAY  # seconds of history that may be cut into days: a report of each is ordered


def varied(scenario: Scenario) -> Scenario:
    """The scenario, or another history of the same lives."""
    random = Random(f"variety {scenario.seed}")
    if random.random() >= SHARE:
        return scenario
    choice = random.choices(list(_CHOICES), list(_CHOICES.values()))[0]
    flat, by_report = choice.startswith("flat"), choice.endswith("report") or choice == "brief_calls"
    name = choice if choice in FORMS else choice.removeprefix("flat ").removesuffix(" by report")
    scenario = replace(
        _formed(random, scenario, name),
        form=choice,
        tables="flat" if flat or (choice == "files" and random.random() < 0.3) else "nested",
        switches=_WITHOUT.get(choice, {}),
        by_report=by_report,
        files=choice == "files",
    )
    if by_report:
        return _reported(random, scenario)
    return _with_files(random, scenario) if scenario.files else scenario


def _formed(random: Random, scenario: Scenario, name: str) -> Scenario:
    form, caps = FORMS[name], scenario.dataset
    # Where the vendor publishes no caps, the program tries more than is served.
    tried = 1 if form.dataset.caps_published else random.choice((1, 8))
    dataset = replace(
        form.dataset,
        page_size=caps.page_size * tried,
        max_offset=caps.max_offset * tried,
        usual_count=caps.page_size,
    )
    beyond = scenario.beyond
    if not dataset.caps_published:
        # What is learned may be too low, and then a single page is all that reaches into a second.
        crowds = [session.second for session in scenario.sessions]
        beyond = frozenset(second for second in crowds if crowds.count(second) >= caps.page_size)
    sessions = tuple(
        form.shaped(Random(f"record {scenario.seed} {session.key}"), session) for session in scenario.sessions
    )
    written: tuple[Literal["text", "number"], ...] = ("text", "number")
    accounts = random.choice(written)
    lives = tuple(
        replace(life, behaviour=replace(life.behaviour, account_ids=accounts)) for life in scenario.lives
    )
    return replace(scenario, dataset=dataset, sessions=sessions, beyond=beyond, lives=lives)


def _reported(random: Random, scenario: Scenario) -> Scenario:
    if random.random() < 0.4:
        scenario = _stilled(scenario)
    usual = ReportBehaviour(
        failing=0 if scenario.still else random.choice((0, 0, 1, 2)),
        failed_look=random.choice(("error", "pending")),
        kept=None if scenario.still else random.choice((None, None, 900.0)),
        # Whoever orders a failed one again has to wait for longer than this; ten minutes is what it waits.
        repeat_after=random.choice((0.0, 500.0)),
        compressed=random.choice(("encoding", "file", "no")),
        bom=random.random() < 0.5,
        decimal_mark=random.choice((".", ",")),
        zoned=random.random() < 0.5,
        order=random.choice(("time", "none")),
        counted=random.random() < 0.7,
        inclusive=random.choice((None, (True, True), (True, False), (False, False))),
        empty=random.choice(("header", "nothing")),
    )
    return replace(
        scenario, lives=tuple(_life_by_report(random, scenario, life, usual) for life in scenario.lives)
    )


def _life_by_report(random: Random, scenario: Scenario, life: Life, usual: ReportBehaviour) -> Life:
    slow = random.choice(
        (0.0, 3.0, 40.0, 700.0) if life.last or scenario.still else (0.0, 40.0, 700.0, 5_000.0)
    )
    widest = life.behaviour.max_days
    if widest is not None and len(range(*_bounds(scenario))) > _SHORT:
        widest = 31
    ways = (
        ("reports",)
        if scenario.still or not scenario.dataset.paged
        else ("reports", "reports", "reports", "auto", "pages")
    )
    via = random.choice(ways)
    settings: dict[str, Any] = {**life.settings, "via": via}
    if via == "auto" and not life.last:
        settings["rate"] = 0.2  # so slow that reports are quicker
    may_fail = life.may_fail if life.last else life.may_fail | {"UnavailableError"}
    death = life.death
    if not life.last and random.random() < 0.4:
        death = Death(done=random.randint(1, 2))
    behaviour = replace(life.behaviour, reports=replace(usual, seconds=slow), max_days=widest)
    return replace(life, settings=settings, may_fail=may_fail, behaviour=behaviour, death=death)


def _bounds(scenario: Scenario) -> tuple[int, int]:
    return scenario.window.start, scenario.window.end


def _stilled(scenario: Scenario) -> Scenario:
    """Nothing goes wrong but kills, so nothing is ever ordered twice."""
    sessions = tuple(replace(session, appears=-inf, leaves=inf, ends=-inf) for session in scenario.sessions)
    lives = tuple(
        replace(
            life,
            does="harvest",
            faults=(),
            weather=CLEAR,
            death=replace(life.death, power=False),
            behaviour=replace(
                life.behaviour,
                requests_per_second=None,
                most_in_flight=None,
                beyond_cap="error",
                clock_offset=0.0,
            ),
        )
        for life in scenario.lives
    )
    return replace(scenario, sessions=sessions, lives=lives, still=True)


def _with_files(random: Random, scenario: Scenario) -> Scenario:
    """First all is harvested, in peace; then it is fetched, with all that was drawn to go wrong."""
    days = random.choice((None, None, None, 30, 60))
    shown = replace(
        scenario.lives[-1].behaviour,
        file_bytes=random.choice((0, 900, 900, 5_000, 150_000)),
        ranges=random.random() < 0.8,
        etags=random.random() < 0.8,
        lengths=random.random() < 0.8,
        recording_days=days,
        log_days=days,
    )
    *chaos, calm = scenario.lives
    calm = replace(calm, behaviour=shown)
    first = replace(calm, behaviour=replace(shown, seed=shown.seed - 9), last=False)
    lives = [first]
    for life in chaos[:2] or [calm]:
        number = len(lives)
        behaviour = replace(life.behaviour, **{name: getattr(shown, name) for name in _OF_FILES})
        here = replace(life, behaviour=replace(behaviour, seed=scenario.seed * 10 + number), last=False)
        lives.append(_fetching(random, here) if number == 1 or random.random() < 0.7 else here)
    return replace(scenario, lives=(*lives, replace(calm, pause=60.0)))


def _fetching(random: Random, life: Life) -> Life:
    """A life that fetches files, in place of what it did."""
    faults = random.choice(((), tuple(Fault(kind, share=0.1) for kind in random.sample(_BROKEN_FILES, 2))))
    death = life.death
    if random.random() < 0.7:
        death = random.choice((Death(operation=random.randint(10, 150)), Death(done=random.randint(1, 3))))
    return replace(
        life,
        does="recordings",
        settings={**life.settings, "allow_gaps": False},
        death=death,
        delete=random.choice(("", "counted", "confirmed", "confirmed")),
        broken_files=faults,
        may_fail=life.may_fail | {"UnavailableError"},
    )
