"""From a seed to what it means."""

from collections import Counter
from dataclasses import replace
from math import inf
from random import Random
from typing import Any, Literal

from harvester.emulator import Behaviour
from harvester.window import Window
from tests.simulation.history import Session, dataset
from tests.simulation.network import CLEAR
from tests.simulation.scenario import Death, Life, Scenario
from tests.simulation.trouble import FAMILIES, draw_faults, draw_weather
from tests.simulation.variety import varied

HOUR, DAY = 3_600, 86_400
_MONTH_BEGINS = 1_711_929_600  # 2024-04-01, so a day and an hour begin there, too
_ORDERS: tuple[Literal["id", "shuffled"], ...] = ("id", "id", "shuffled")
_COMMANDS: tuple[Literal["harvest", "repair", "verify", "sync"], ...] = (
    *6 * ("harvest",),
    "repair",
    "verify",
    *2 * ("sync",),
)
_SPANS = {"hour": (1_200, 5 * HOUR), "day": (HOUR, 5 * DAY), "month": (DAY, 65 * DAY)}


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
    order = random.choice(_ORDERS)
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
        beyond=frozenset(second for second, crowd in crowds.items() if crowd >= reach),
    )
    behaviour = Behaviour(
        from_inclusive=random.random() < 0.6,
        to_inclusive=random.random() < 0.6,
        page_size=records.page_size,
        max_offset=records.max_offset,
        order=order,
        max_days=random.choice((None, None, 1, 7, 31)),
        # By a clock that is further behind, some of what the program takes for settled lies in the future.
        clock_offset=max(random.choice((0.0, 0.0, random.uniform(-400, 400))), -settle / 2),
        seed=seed,
    )
    lives = (*_chaos(random, scenario, behaviour), _calm(random, scenario, behaviour))
    return varied(replace(scenario, lives=lives))


def _chaos(random: Random, scenario: Scenario, behaviour: Behaviour) -> list[Life]:
    loud = random.random() < 0.75  # else nothing but kills: then it shows what they cost
    families = {name: loud and random.random() < 0.4 for name in FAMILIES}
    lives = []
    for number in range(random.choice((0, 1, 1, 2, 2, 3, 4))):
        faults, may_fail = draw_faults(random, families)
        if families["limits"]:
            behaviour = replace(
                behaviour,
                requests_per_second=random.choice((None, 3)),
                most_in_flight=random.choice((None, 2)),
                refuse_by=random.choice(("http", "code")),
                retry_after=random.choice((None, 2)),
            )
        if families["caps"] and random.random() < 0.3:
            # Lower than documented, and said to nobody: pages repeat, and a gap is all that can be had.
            behaviour = replace(behaviour, beyond_cap="clamp", max_offset=scenario.dataset.max_offset // 2)
        weather = draw_weather(random, families)
        if faults or weather != CLEAR or families["limits"]:
            may_fail |= {"UnavailableError"}
        lives.append(
            Life(
                window=_part(random, scenario),
                pause=random.choice((1, 60, HOUR, DAY)) * random.random() + 1,
                behaviour=replace(behaviour, seed=scenario.seed * 10 + number),
                # What sync reads again on purpose would hide what a kill costs.
                does=random.choice(_COMMANDS if loud else _COMMANDS[:-2]) if number else "harvest",
                death=_death(random),
                faults=faults,
                weather=weather,
                settings=_settings(random),
                may_fail=frozenset(may_fail | {"LakeError"} if number else may_fail),
            )
        )
    return lives


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


def _settings(random: Random) -> dict[str, Any]:
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
        behaviour=replace(behaviour, seed=scenario.seed * 10 + 9),
        settings=_settings(random) | {"allow_gaps": False, "rate": random.choice((None, 8.0))},
        last=True,
    )


def _sessions(random: Random, window: Window, *, settle: int, lag: int, begins: float) -> tuple[Session, ...]:
    many = random.choice((0, 5, 30, 30, 60, 60, 120))
    edges = [window.start, window.start + 1, window.end - 1, _MONTH_BEGINS - 1, _MONTH_BEGINS]
    edges = [second for second in edges if second in window]
    busy = edges + [random.randrange(window.start, window.end) for _ in range(3)]
    crowded = random.random()
    sessions = {}
    for _ in range(many):
        key = random.randrange(1, 1 << 40)
        at_busy = random.random() < crowded * 0.7
        second = random.choice(busy) if at_busy else random.randrange(window.start, window.end)
        sessions[key] = _session(random, key, second, settle=settle, lag=lag)
    if sessions and random.random() < 0.4:
        # One alone: two changes of settled history while a window is read may hide each other (see README).
        key = random.choice(list(sessions))
        moment = max(begins + random.uniform(0, 120), sessions[key].second + settle + 1)
        changed = sessions[key]
        late = random.random() < 0.5
        sessions[key] = replace(changed, appears=moment) if late else replace(changed, leaves=moment)
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
