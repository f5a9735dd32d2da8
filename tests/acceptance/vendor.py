"""The API in a few lines and without a socket: small caps, any order, and answers that change or lie."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import orjson

from harvester.api.envelope import Answer
from harvester.api.protocol import Page, parse
from harvester.datasets import Dataset
from harvester.errors import MalformedAnswerError, RangeTooWideError, RequestError, UnavailableError
from harvester.window import as_second, as_text

LIES = (
    "no total",
    "text total",
    "negative total",
    "total above",
    "total below",
    "record repeated",
    "record dropped",
    "records shuffled",
    "record of another time",
    "page cut",
)
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Session:
    """A record, as far as the tests care."""

    key: int
    second: int
    application: int | None = None
    rule: str | None = None
    user: int | None = None

    def json(self) -> dict[str, object]:
        """As the API writes it; what is ``None`` is left out."""
        record = {
            "call_session_history_id": self.key,
            "start_date": as_text(self.second),
            "application_id": self.application,
            "rule_name": self.rule,
            "user_id": self.user,
        }
        return {name: value for name, value in record.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Change:
    """A session that comes, or goes, when so many requests were answered."""

    after: int
    session: Session
    comes: bool


@dataclass(slots=True)
class Vendor:
    """Answers questions about ``sessions``.

    Attributes:
        dataset: Gives the caps.
        sessions: The history; changes as ``changes`` says.
        order: Of the sessions within one second: ``stable``, ``reversed`` or ``shuffled`` with every request.
        from_inclusive: Whether ``from_date`` belongs to the range.
        to_inclusive: Whether ``to_date`` does.
        widest: Seconds beyond which a range is refused.
        forgotten: Applications whose filter is refused.
        changes: What comes and goes meanwhile.
        lies: What is wrong with which answer, by its number; the first is 1.
        seed: Of the order, and of how long an answer takes.
        asked: Questions answered so far.
        skew: Seconds by which its clock is ahead.
    """

    dataset: Dataset
    sessions: Sequence[Session]
    order: str = "stable"
    from_inclusive: bool = True
    to_inclusive: bool = True
    widest: int | None = None
    forgotten: frozenset[int] = frozenset()
    changes: Sequence[Change] = ()
    lies: Mapping[int, str] = field(default_factory=dict)
    seed: int = 0
    asked: int = 0
    skew: float = 0.0

    async def fetch(
        self,
        method: str,
        parameters: Mapping[str, str],
        *,
        urgent: bool = False,  # noqa: ARG002  (this vendor answers all at once)
    ) -> tuple[Answer, Page]:
        """One answer; what the client would try again is tried again."""
        assert method == self.dataset.method
        for _ in range(_ATTEMPTS):
            self.asked += 1
            number, random = self.asked, Random(f"{self.seed} {self.asked}")  # noqa: S311  (chance, not a secret)
            await asyncio.sleep(random.random())
            self._change()
            body = orjson.dumps(self._answer(parameters, self.lies.get(number), random))
            await asyncio.sleep(random.random())
            answer = Answer(body=body, encoding="identity")
            try:
                return answer, parse(answer)
            except MalformedAnswerError:
                continue
        raise UnavailableError("it lies and lies")

    def _change(self) -> None:
        due = [change for change in self.changes if change.after < self.asked]
        self.changes = [change for change in self.changes if change not in due]
        gone = {change.session for change in due if not change.comes}
        come = [change.session for change in due if change.comes]
        self.sessions = [session for session in self.sessions if session not in gone] + come

    def _answer(self, parameters: Mapping[str, str], lie: str | None, random: Random) -> dict[str, object]:
        found = self._found(parameters, random)
        offset, count = int(parameters["offset"]), int(parameters["count"])
        assert offset <= self.dataset.max_offset
        assert count <= self.dataset.page_size
        page = [session.json() for session in found[offset : offset + count]]
        content: dict[str, object] = {"timezone": "Etc/GMT"}
        if parameters["with_total_count"] == "true":
            content["total_count"] = len(found)
        if lie is not None:
            page = _lied(lie, page, content, random)
        return {"result": page, "count": len(page), **content}

    def _found(self, parameters: Mapping[str, str], random: Random) -> list[Session]:
        start, end = as_second(parameters["from_date"]), as_second(parameters["to_date"])
        if self.widest is not None and end - start > max(self.widest, 2):
            raise RangeTooWideError(None)
        application = parameters.get("application_id")
        if application is not None and int(application) in self.forgotten:
            raise RequestError(116, "the application is unknown")
        rule, user = parameters.get("rule_name"), parameters.get("user_id")
        wanted = (("application", application), ("rule", rule), ("user", user))
        found = [
            session
            for session in self.sessions
            if start + (not self.from_inclusive) <= session.second <= end - (not self.to_inclusive)
            and all(value in (None, str(getattr(session, name))) for name, value in wanted)
        ]
        places = {session.key: session.key for session in found}
        if self.order == "reversed":
            places = {key: -key for key in places}
        elif self.order == "shuffled":
            places = {key: random.getrandbits(32) for key in sorted(places)}
        found.sort(key=lambda session: (session.second, places[session.key]))
        return found[::-1] if parameters["desc_order"] == "true" else found


def _lied(
    lie: str, page: list[dict[str, object]], content: dict[str, object], random: Random
) -> list[dict[str, object]]:
    total = content.get("total_count")
    match lie:
        case "no total":
            content.pop("total_count", None)
        case "text total":
            content["total_count"] = "many"
        case "negative total":
            content["total_count"] = -1
        case "total above" if isinstance(total, int):
            content["total_count"] = total + 1
        case "total below" if isinstance(total, int):
            content["total_count"] = max(0, total - 1)
        case "record repeated" if len(page) > 1:
            page[-1] = page[0]
        case "record dropped" | "page cut":
            del page[len(page) // 2 if lie == "page cut" else -1 :]
        case "records shuffled":
            random.shuffle(page)
        case "record of another time" if page:
            page[0] = {**page[0], "start_date": "2001-01-01 00:00:00"}
    return page
