"""What a method makes of its parameters, and what it makes of an account."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from harvester.emulator.account import Account
from harvester.emulator.answers import Answer
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.shelf import NO_SHELF, Shelf


class Setting(NamedTuple):
    """What every method reads and answers from; ``now`` is the server's clock, in Unix seconds."""

    account: Account
    behaviour: Behaviour
    now: Callable[[], float]
    shelf: Shelf = NO_SHELF


class Body(NamedTuple):
    """The JSON of an answer, and how many records it holds."""

    json: bytes
    rows: int = 0


class Question(Protocol):
    """Parameters that were read and found right; equal questions, by hash, have equal answers."""

    def __hash__(self) -> int: ...

    def answer(self, setting: Setting, turn: int) -> Body:
        """Answer it; ``turn`` tells equal questions apart that may be answered in another order.

        Raises:
            Refusal: The account does not hold what is asked for.
        """
        ...


@runtime_checkable
class Action(Protocol):
    """Parameters of a method that changes something, or whose answer depends on the moment."""

    def act(self, setting: Setting) -> Answer:
        """Do it, and answer.

        Raises:
            Refusal: It cannot be done.
        """
        ...
