"""Which requests go wrong, by plan: a share of them, some of them, or those that ask for something."""

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from harvester.emulator.answers import Answer
from harvester.emulator.effects import EFFECTS, Ask, Figures

RESET = "reset"
HANG_UP = "hang_up"
STALL = "stall"
UNANSWERED = frozenset({RESET, HANG_UP, STALL})
KINDS = UNANSWERED | EFFECTS.keys()


@dataclass(frozen=True, slots=True)
class Fault(Figures):
    """One thing that goes wrong; further figures by keyword, see ``Figures``.

    Attributes:
        kind: ``reset`` or ``hang_up`` (instead of an answer, the connection is reset or closed), ``stall``
            (no answer comes, until the client goes away or the server ends), or one of ``EFFECTS``.
        share: Share of the requests that meet it, 0 to 1.
        requests: Numbers of the requests that meet it in any case; the first since the last reset is 1.
        when: Which requests can meet it at all, by their parameters; all if ``None``.

    Raises:
        ValueError: There is no such kind.
    """

    kind: str
    share: float = 0.0
    requests: Collection[int] = ()
    when: Callable[[Mapping[str, str]], bool] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind!r}, only {', '.join(sorted(KINDS))}")

    async def effect(self, parameters: Mapping[str, str], ask: Ask) -> Answer:
        """Answer a request as this fault does; one that is unanswered has no effect."""
        return await EFFECTS[self.kind](self, parameters, ask)


@dataclass(frozen=True, slots=True)
class Faults:
    """A plan of faults.

    Attributes:
        plan: The faults; of several that are due for one request, the first is met.
        seed: Decides which requests the shares fall on.
    """

    plan: tuple[Fault, ...] = ()
    seed: int = 0

    def due(self, number: int, parameters: Mapping[str, str]) -> Fault | None:
        """Which fault request ``number`` meets: a function of seed, number and parameters."""
        if not self.plan:
            return None
        drawn = random.Random(f"{self.seed}:{number}").random()  # noqa: S311  (chance, not a secret)
        for fault in self.plan:
            # Shares lie side by side in [0, 1), so that each is met as often as it says, whatever the others.
            hit = 0 <= drawn < fault.share or number in fault.requests
            drawn -= fault.share
            if hit and (fault.when is None or fault.when(parameters)):
                return fault
        return None
