"""One question for a page, and what the API's refusals say of it rather than of the API."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from harvester.api.caps import CapError, Caps
from harvester.api.envelope import Answer
from harvester.api.pages import NoAnswerError
from harvester.api.protocol import Page
from harvester.api.question import Question
from harvester.datasets import Dataset
from harvester.errors import RangeTooWideError, RequestError, UnansweredError, UnknownCodeError

_NOTHING = Question(0, 1)  # long before there were calls


class Api(Protocol):
    """Asks the vendor."""

    async def fetch(
        self, method: str, parameters: Mapping[str, str], *, urgent: bool = False
    ) -> tuple[Answer, Page]:
        """One answer, and what it says; ``urgent`` if the next question depends on it."""
        ...


def control_of(dataset: Dataset, shared: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a question that has no record to stumble over; ``shared`` go with every one."""
    return {**shared, **_NOTHING.parameters(dataset, 0, 1)}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks for pages of ``dataset``; what ``caps`` say of it is asked for, and ``shared`` with every one."""

    dataset: Dataset
    shared: Mapping[str, str]
    api: Api
    caps: Caps

    async def ask(self, question: Question, offset: int, *, urgent: bool) -> tuple[Answer, Page]:
        """The answer at ``offset``, and what it says.

        Raises:
            CapError: The API serves less at a time; how much is known now.
            NoAnswerError: It fails at each try, is malformed and the same each time, or holds a code that no
                table explains, while another question is answered.
            HarvestError: The API refuses, or cannot be reached.
        """
        count = self.caps.page_size
        parameters = question.parameters(self.dataset, offset, count)
        try:
            return await self.api.fetch(self.dataset.method, {**self.shared, **parameters}, urgent=urgent)
        except UnknownCodeError as error:
            try:
                await self._ask_control(urgent=urgent)
            except RequestError:  # whatever it says: everything may be refused
                raise error from None
            raise NoAnswerError(str(error)) from error
        except RequestError as error:
            if self.caps.refused(error.code, offset, count):
                raise CapError from error
            raise
        except UnansweredError as error:
            with suppress(RequestError, RangeTooWideError):  # an answer, too
                await self._ask_control(urgent=urgent)
            raise NoAnswerError(str(error)) from error

    async def _ask_control(self, *, urgent: bool) -> None:
        """Ask what has no record to stumble over: an API that fails everybody is not a gap of one window."""
        await self.api.fetch(self.dataset.method, control_of(self.dataset, self.shared), urgent=urgent)
