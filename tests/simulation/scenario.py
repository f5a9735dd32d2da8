"""What one seed means: a history, an API, and the lives of the program, one after the other."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from random import Random

from harvester.datasets import Dataset
from harvester.emulator import Behaviour, Fault
from harvester.window import Window
from tests.simulation.history import Session, dataset
from tests.simulation.network import CLEAR, Weather

HOUR, DAY = 3_600, 86_400
_MONTH_BEGINS = 1_711_929_600  # 2024-04-01, so a day and an hour begin there, too
_SPANS = {"hour": (1_200, 5 * HOUR), "day": (HOUR, 5 * DAY), "month": (DAY, 65 * DAY)}

PASSING = (
    "http_500 http_503 html_200 empty_200 cut_body cut_json reset hang_up stall slow"
    " missing_total text_total wrong_count missing_result"
).split()
LIES = "wrong_total repeated_record dropped_record insert_while_paging remove_while_paging".split()
SLOWING = (340, 314, 416, 162)
FAULTY = (1, 2, 4, 13)
TOKENS = (100, 455, 456)
DEAD_ENDS: Mapping[str, Fault] = {
    "RefusedError": Fault("error_code", share=0.03, code=104),
    "RequestError": Fault("error_code", share=0.03, code=112),
    "ConfigError": Fault("redirect", share=0.03),
    "ZoneError": Fault("other_timezone", share=0.03),
}


@dataclass(frozen=True, slots=True)
class Death:
    """How a life ends before its time.

    Attributes:
        operation: Killed right before so many file operations are done; 0 for never.
        after: Killed when so many seconds have passed.
        stopped: Asked to stop when so many seconds have passed.
        power: A kill is a power cut: what was written to the spool last is torn.
    """

    operation: int = 0
    after: float = inf
    stopped: float = inf
    power: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One start of the program.

    Attributes:
        window: The range asked for.
        pause: Seconds since the end of the life before.
        repair: Whether it repairs instead of harvesting.
        death: How it ends before its time.
        faults: Of the API.
        weather: Of the network.
        behaviour: Of the API.
        settings: Of the job.
        may_fail: Failures that it may end with, by the names of their classes.
        last: Whether this is the calm in which everything must be brought to an end.
    """

    window: Window
    pause: float
    behaviour: Behaviour
    repair: bool = False
    death: Death = Death()
    faults: tuple[Fault, ...] = ()
    weather: Weather = CLEAR
    settings: Mapping[str, object] = field(default_factory=dict)
    may_fail: frozenset[str] = frozenset()
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One seed, drawn.

    Attributes:
        seed: The seed.
        dataset: Caps and fields.
        partition: ``hour``, ``day`` or ``month``.
        window: The whole range.
        begins: Unix time of the first life, less its pause.
        settle: Seconds after which history is final.
        active_lag: Seconds after which running sessions are taken as they are.
        sessions: The history.
        lives: The lives; the last is calm.
        beyond: Seconds that no way of asking may reach.
    """

    seed: int
    dataset: Dataset
    partition: str
    window: Window
    begins: float
    settle: int
    active_lag: int
    sessions: tuple[Session, ...]
    lives: tuple[Life, ...]
    beyond: frozenset[int]


def draw(seed: int) -> Scenario:
    """What the seed means."""
    random = Random(f"scenario {seed}")
    records = dataset(random.randint(2, 5), random.randint(1, 5))
    partition = random.choice(("hour", "day", "month"))
    least, most = _SPANS[partition]
    length = int(least * (most / least) ** random.random())
    start = _MONTH_BEGINS - random.randrange(length + 1)
    window = Window(start, start + length)
    settle, lag = random.choice((60, 600, HOUR)), random.choice((HOUR, DAY))
    begins = window.start + length * random.uniform(0.3, 1.1) + random.choice((0, settle, DAY))
    sessions = _sessions(random, window, settle=settle, lag=lag, begins=begins)
    order = random.choice(("id", "id", "shuffled"))
    crowds = Counter(session.second for session in sessions)
    reach = records.reach if order == "shuffled" else 2 * records.reach
    scenario = Scenario(
        seed=seed,
        dataset=records,
        partition=partition,
        window=window,
        begins=begins,
        settle=settle,
        active_lag=lag,
        sessions=sessions,
        lives=(),
        beyond=frozenset(second for second, crowd in crowds.items() if crowd > reach),
    )
    behaviour = Behaviour(
        from_inclusive=random.random() < 0.6,
        to_inclusive=random.random() < 0.6,
        page_size=records.page_size,
        max_offset=records.max_offset,
        order=order,
        max_days=random.choice((None, None, 1, 7, 31)),
        clock_offset=random.choice((0.0, 0.0, random.uniform(-400, 400))),
        seed=seed,
    )
    return replace(scenario, lives=(*_chaos(random, scenario, behaviour), _calm(random, scenario, behaviour)))


def _sessions(random: Random, window: Window, *, settle: int, lag: int, begins: float) -> tuple[Session, ...]:
    many = random.choice((0, 5, 30, 30, 60, 60, 120))
    edges = [window.start, window.start + 1, window.end - 1, _MONTH_BEGINS - 1, _MONTH_BEGINS]
    edges = [second for second in edges if second in window]
    busy = edges + [random.randrange(window.start, window.end) for _ in range(3)]
    crowded = random.random()
    drift = random.choice(("", "", "", "late", "gone"))
    sessions = {}
    for _ in range(many):
        key = random.randrange(1, 1 << 40)
        at_busy = random.random() < crowded * 0.7
        second = random.choice(busy) if at_busy else random.randrange(window.start, window.end)
        sessions[key] = _session(random, key, second, settle=settle, lag=lag)
        if drift and random.random() < 0.1:
            moment = max(begins + random.uniform(0, 120), second + settle + 1)
            change = {"appears": moment} if drift == "late" else {"leaves": moment}
            sessions[key] = replace(sessions[key], **change)
    return tuple(sessions.values())


def _session(random: Random, key: int, second: int, *, settle: int, lag: int) -> Session:
    fields: dict[str, object] = {"duration": random.randrange(1_000), "application_id": random.randint(1, 3)}
    if random.random() < 0.7:
        fields |= {"rule_name": random.choice(("in", "out & back")), "user_id": random.randint(5, 6)}
    if random.random() < 0.5:
        legs = random.randint(0, 2)
        fields["calls"] = [{"call_id": key + leg, "cost": leg / 8, "successful": True} for leg in range(legs)]
    if random.random() < 0.1:
        fields["sentiment"] = random.randrange(5)
    poison = random.choice(({"duration": "a while"}, {"duration": 1 << 70}, {"custom_data": "\ud800"}))
    poisoned = random.random() < 0.05
    ends = -inf
    if not poisoned and random.random() < 0.1:
        ends = inf if random.random() < 0.2 else second + lag * random.random()
    return Session(
        key=key,
        second=second,
        fields=fields | poison if poisoned else fields,
        poisoned=poisoned,
        appears=second + settle * random.random() ** 3,
        ends=ends,
    )


def _chaos(random: Random, scenario: Scenario, behaviour: Behaviour) -> list[Life]:
    families = {name: random.random() < 0.4 for name in _FAMILIES}
    lives = []
    for number in range(random.choice((0, 1, 1, 2, 2, 3, 4))):
        faults, may_fail = _faults(random, families)
        if families["limits"]:
            behaviour = replace(
                behaviour,
                requests_per_second=random.choice((None, 3)),
                most_in_flight=random.choice((None, 2)),
                refuse_by=random.choice(("http", "code")),
                retry_after=random.choice((None, 2)),
            )
        weather = _weather(random, families)
        if faults or weather != CLEAR or families["limits"]:
            may_fail |= {"UnavailableError"}
        lives.append(
            Life(
                window=_part(random, scenario),
                pause=random.choice((1, 60, HOUR, DAY)) * random.random() + 1,
                behaviour=replace(behaviour, seed=scenario.seed * 10 + number),
                repair=number > 0 and random.random() < 0.15,
                death=_death(random),
                faults=faults,
                weather=weather,
                settings=_settings(random),
                may_fail=frozenset(may_fail),
            )
        )
    return lives


_FAMILIES = (
    "passing",
    "slowing",
    "faulty",
    "tokens",
    "lies",
    "limits",
    "latency",
    "breaks",
    "dead ends",
)


def _faults(random: Random, families: Mapping[str, bool]) -> tuple[tuple[Fault, ...], set[str]]:
    faults: list[Fault] = []
    may_fail: set[str] = set()
    strength = random.choice((0.02, 0.05, 0.1))
    if families["passing"]:
        faults += [Fault(kind, share=strength) for kind in random.sample(PASSING, 2)]
    if families["slowing"]:
        asked = random.choice((None, 1, 7, 40))
        faults += [
            Fault("http_429", share=strength / 2, retry_after=asked),
            Fault("error_code", share=strength / 2, code=random.choice(SLOWING), retry_after=asked),
        ]
    if families["faulty"]:
        faults += [
            Fault(kind, share=strength / 2, code=random.choice(FAULTY)) for kind in ("error_code", "error_list")
        ]
    if families["tokens"]:
        faults.append(Fault("error_code", share=strength / 2, code=random.choice(TOKENS)))
        may_fail.add("RefusedError")
    if families["lies"]:
        faults += [Fault(kind, share=strength / 2) for kind in random.sample(LIES, 2)]
    if families["dead ends"] and random.random() < 0.3:
        error = random.choice(sorted(DEAD_ENDS))
        faults.append(DEAD_ENDS[error])
        may_fail.add(error)
    return tuple(faults), may_fail


def _weather(random: Random, families: Mapping[str, bool]) -> Weather:
    weather = CLEAR
    if families["latency"]:
        weather = replace(weather, latency=random.choice((0.001, 0.5, 3.0)), pieces=random.randint(1, 4))
    if families["breaks"]:
        begins = random.uniform(0, 20)
        weather = replace(
            weather,
            refused=random.choice((0, 0.1)),
            broken=random.choice((0, 0.2)),
            silent=random.choice((0, 0.1)),
            outage=random.choice((None, (begins, begins + random.choice((1, 30, 2_000))))),
        )
    return weather


def _death(random: Random) -> Death:
    power = random.random() < 0.3
    match random.choice(("operation", "operation", "operation", "after", "stopped", "")):
        case "operation":
            return Death(operation=int(150 ** random.random()), power=power)
        case "after":
            return Death(after=30 * random.random() ** 2, power=power)
        case "stopped":
            return Death(stopped=10 * random.random() ** 2)
        case _:
            return Death()


def _settings(random: Random) -> dict[str, object]:
    return {
        "concurrency": random.choice((1, 2, 8, 16)),
        "rate": random.choice((None, 2.0, 8.0, 50.0)),
        "memory": random.choice((1 << 27, 4_000)),
        "allow_gaps": random.random() < 0.2,
        "keep_raw": random.random() < 0.1,
    }


def _part(random: Random, scenario: Scenario) -> Window:
    window = scenario.window
    if random.random() < 0.5:
        return window
    start, end = sorted(random.sample(range(window.start, window.end + 1), 2))
    return Window(min(start, int(scenario.begins) - 1), end)  # a range in the future is refused


def _calm(random: Random, scenario: Scenario, behaviour: Behaviour) -> Life:
    return Life(
        window=scenario.window,
        # Everything has settled, ended, come or gone.
        pause=scenario.window.end - scenario.begins + 3 * DAY + HOUR,
        behaviour=behaviour,
        settings=_settings(random) | {"allow_gaps": False, "rate": random.choice((None, 8.0))},
        last=True,
    )
