"""What goes wrong in a life: families of faults that a seed switches on or off, and how strong they are."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from harvester.emulator import Fault
from tests.simulation.network import CLEAR, Weather

PASSING = [
    "http_500",
    "http_503",
    "html_200",
    "empty_200",
    "cut_body",
    "cut_json",
    "reset",
    "hang_up",
    "stall",
    "slow",
    "missing_total",
    "text_total",
    "wrong_count",
    "missing_result",
]
LIES = ["wrong_total", "repeated_record", "dropped_record", "insert_while_paging", "remove_while_paging"]
SLOWING = (340, 314, 416, 162)
FAULTY = (1, 2, 4, 13)
TOKENS = (100, 455, 456)
DEAD_ENDS: Mapping[str, Fault] = {
    "RefusedError": Fault("error_code", share=0.03, code=104),
    "RequestError": Fault("error_code", share=0.03, code=111),
    "ConfigError": Fault("redirect", share=0.03),
    "ZoneError": Fault("other_timezone", share=0.03),
}
FAMILIES = (
    "passing",
    "slowing",
    "faulty",
    "tokens",
    "lies",
    "limits",
    "caps",
    "latency",
    "breaks",
    "dead ends",
    "death",
)


def draw_faults(random: Random, families: Mapping[str, bool]) -> tuple[tuple[Fault, ...], set[str]]:
    """Faults of the API, and the names of the failures that a life with them may end with."""
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
            Fault(kind, share=strength / 2, code=random.choice(FAULTY))
            for kind in ("error_code", "error_list")
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
    if families["death"] and random.random() < 0.15:
        # It answers nothing, ever: the program has to give up.
        faults = [Fault(random.choice(("http_503", "http_429", "reset", "stall")), share=1.0)]
    return tuple(faults), may_fail


def draw_weather(random: Random, families: Mapping[str, bool]) -> Weather:
    """Faults of the network."""
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
