"""What the records of each dataset look like in the simulation: few fields, small values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from random import Random

from harvester.datasets import ACD, AUDIT, BRIEF_CALLS, CALLS, TRANSACTIONS, Dataset, Field, Kind
from harvester.window import as_text
from tests.simulation.history import KEPT, LEG, Session

Draw = Callable[[Random, Session], dict[str, object]]

_STORE = "https://storage-gw-ru-02.voximplant.com"
_PLAIN = tuple(field for field in CALLS.fields if field.name in KEPT)
_LEGS = Field("calls", Kind.LIST, LEG)
_USAGES = Field(
    "other_resource_usage",
    Kind.LIST,
    (Field("resource_usage_id", Kind.INTEGER), Field("cost", Kind.NUMBER)),
    table="resources",
)
_RECORDINGS = Field(
    "records",
    Kind.LIST,
    (
        Field("record_id", Kind.INTEGER),
        *(Field(name, Kind.TEXT) for name in ("record_url", "transcription_url", "transcription_status")),
    ),
)


@dataclass(frozen=True, slots=True)
class Form:
    """The records of one dataset, reduced.

    Attributes:
        dataset: The vendor's, with the fields below and its caps still as published.
        draw: Draws what a record says beside its id and time, from what it says as a session of calls.
        misfits: Values that fit no column, one of which a poisoned record has.
        meanwhile: What a running record says in place of some fields.
    """

    dataset: Dataset
    draw: Draw
    misfits: tuple[Mapping[str, object], ...]
    meanwhile: Mapping[str, object]

    def shaped(self, random: Random, session: Session) -> Session:
        """The session as a record of this form."""
        running = self.dataset.running or ""
        fields = self.draw(random, session) | dict(random.choice(self.misfits) if session.poisoned else ())
        return replace(
            session,
            fields=fields,
            ends=session.ends if running else -inf,
            names=(self.dataset.key, self.dataset.time_field, running),
            meanwhile=self.meanwhile,
        )


def url(session: Session, name: str) -> str:
    """Where a file of a session is, as the vendor writes it."""
    kind = "logs" if name.startswith("log") else "records"
    day = as_text(session.second)[:10].replace("-", "/")
    return f"{_STORE}/voximplant-{kind}-secure/{day}/{session.key}/{name}"


def _as_drawn(_random: Random, session: Session) -> dict[str, object]:
    known = {field.name for field in _PLAIN}
    # What a report cannot say: a field that no column has, and whether a list is missing or empty.
    fields = {name: value for name, value in session.fields.items() if name in known}
    return {name: value for name, value in fields.items() if _fits(value)} | {"calls": _legs(session)}


def _fits(value: object) -> bool:
    return value not in ("a while", "\ud800", 1 << 70)


def _legs(session: Session) -> list[dict[str, object]]:
    legs = session.fields.get("calls")
    return list(legs) if isinstance(legs, list) else []


def _with_lists(random: Random, session: Session) -> dict[str, object]:
    usages = [{"resource_usage_id": session.key + n, "cost": n / 4} for n in range(random.randint(0, 2))]
    records = [{"record_id": session.key * 4 + n} for n in range(random.randint(0, 2))]
    lists = {"calls": _legs(session), "other_resource_usage": usages, "records": records}
    drawn = {name: value for name, value in lists.items() if random.random() < 0.7}
    return _as_drawn(random, session) | {"calls": None} | drawn


def _with_files(random: Random, session: Session) -> dict[str, object]:
    fields, number = _as_drawn(random, session), session.key * 4
    if random.random() < 0.75:
        return fields
    if random.random() < 0.7:
        fields["log_file_url"] = url(session, f"log?sessionid={session.key}")
    if random.random() < 0.4:
        other = url(session, f"leg.mp3?record_id={number + 1}&sign=hunter2")
        fields["calls"] = [{"call_id": session.key, "cost": 0.5, "record_url": other}]
    if random.random() < 0.7:
        status = random.choice(("Complete", "Complete", "Not required", "In progress"))
        record = {
            "record_id": number,
            "record_url": url(session, f"record.mp3?record_id={number}"),
            "transcription_status": status,
        }
        if status == "Complete":
            record["transcription_url"] = url(session, "text.txt")
        fields["records"] = [record]
    return fields


def _transaction(random: Random, session: Session) -> dict[str, object]:
    fields: dict[str, object] = {
        "account_id": "20",
        "amount": random.randrange(-80, 80) / 8,
        "currency": "USD",
        "transaction_type": random.choice(("resource_charge", "money_distribution")),
    }
    if random.random() < 0.6:
        fields["transaction_description"] = random.choice(
            ("a call; outgoing", 'the "best" one', f"{session.key}")
        )
    return fields


def _acd(random: Random, session: Session) -> dict[str, object]:
    fields: dict[str, object] = {"priority": random.randrange(3), "acd_queue_id": random.randint(1, 2)}
    if random.random() < 0.6:
        fields |= {"user_id": random.randint(5, 6), "waiting_duration": random.randrange(600)}
    if random.random() < 0.7:
        kinds = random.sample(("ONLINE", "IN_SERVICE", "HANGUP"), random.randint(0, 3))
        fields["events"] = [
            {"acd_session_event_id": session.key * 4 + n, "type": kind} for n, kind in enumerate(kinds)
        ]
    if random.random() < 0.1:
        fields["sentiment"] = random.randrange(5)
    return fields


def _audit(random: Random, session: Session) -> dict[str, object]:
    return {
        "account_id": 20,
        "ip": random.choice(("10.0.0.1", "10.0.0.2")),
        "cmd_name": random.choice(("SetAccountInfo", "DelUser")),
        "cmd_args": {"id": session.key, "name": random.choice(("a", "b; c"))},
        "cmd_result": {"result": 1},
        **({"subuser_id": random.randint(1, 3)} if random.random() < 0.5 else {}),
    }


def _reduced(dataset: Dataset, names: str, *lists: Field) -> Dataset:
    wanted = names.split()
    return replace(dataset, fields=(*(item for item in dataset.fields if item.name in wanted), *lists))


_LATE = {"calls": None, "records": None, "other_resource_usage": None}
_UNDUE = {"duration": "a while"}
_EVENTS = Field("events", Kind.LIST, (Field("acd_session_event_id", Kind.INTEGER), Field("type", Kind.TEXT)))
_OF_CALLS = (_UNDUE, {"duration": 1 << 70}, {"custom_data": "\ud800"})

FORMS: Mapping[str, Form] = {
    "calls by report": Form(replace(CALLS, fields=(*_PLAIN, _LEGS)), _as_drawn, (_UNDUE,), {"calls": []}),
    "brief_calls": Form(replace(BRIEF_CALLS, fields=(*_PLAIN, _LEGS)), _as_drawn, (_UNDUE,), {"calls": []}),
    "flat calls": Form(
        replace(CALLS, fields=(*_PLAIN, _LEGS, _USAGES, _RECORDINGS)), _with_lists, _OF_CALLS, _LATE
    ),
    "files": Form(
        replace(
            CALLS,
            fields=(
                *_PLAIN,
                Field("log_file_url", Kind.TEXT),
                Field("calls", Kind.LIST, (*LEG, Field("record_url", Kind.TEXT))),
                _USAGES,
                _RECORDINGS,
            ),
        ),
        _with_files,
        _OF_CALLS,
        _LATE,
    ),
    "transactions": Form(
        _reduced(
            TRANSACTIONS,
            "transaction_id account_id performed_at amount currency transaction_type transaction_description",
        ),
        _transaction,
        ({"amount": "much"}, {"account_id": "007"}),
        {},
    ),
    "acd": Form(
        _reduced(
            ACD,
            "acd_session_history_id begin_time priority acd_queue_id user_id waiting_duration",
            _EVENTS,
        ),
        _acd,
        ({"priority": "high"}, {"waiting_duration": 1 << 70}),
        {},
    ),
    "audit": Form(
        _reduced(AUDIT, "audit_log_id account_id requested ip cmd_name cmd_args cmd_result subuser_id"),
        _audit,
        ({"subuser_id": "nobody"},),
        {},
    ),
}
"""By what they are for."""
