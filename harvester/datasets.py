"""The vendor's histories as data: what to ask, what comes back, how far one question reaches.

Adding a dataset is adding a value here; no other module names a vendor's method or field.
Source of every figure: the vendor's reference page of the method (``GetCallHistory`` and its neighbours).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Kind(Enum):
    """What a JSON value of a field is, and so which Arrow type holds it without loss."""

    INTEGER = "int64"
    NUMBER = "float64"
    BOOLEAN = "bool"
    TEXT = "string"
    INSTANT = "timestamp[s, UTC]"  # "YYYY-MM-DD HH:MM:SS" in the answer's time zone; "" is no value
    DATE = "date32"  # "YYYY-MM-DD"; "" is no value
    OBJECT = "struct"
    LIST = "list<struct>"


class Content(Enum):
    """What the text of a field holds that a lake may be told not to hold."""

    URL = "signed URL"
    NUMBER = "phone number"  # or a user's name, or a SIP URI: whom a call was from or to


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record; ``fields`` are the keys of the nested object(s) of an OBJECT or a LIST."""

    name: str
    kind: Kind
    fields: tuple["Field", ...] = ()
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """One history method.

    Attributes:
        name: What the user calls it, and the folder below the lake.
        method: The vendor's method.
        roles: Key roles that may call it.
        key: The field that identifies a record within its account.
        time_field: The INSTANT the method filters and orders by.
        page_size: Most records of one answer (the vendor's cap on ``count``).
        max_offset: Largest ``offset`` the vendor accepts.
        switches: Parameters that widen a record, by the option that turns them on or off.
        filters: Parameters that narrow the history, by option; a tuple value is joined by ``;``.
        narrowing: Fields that are filters too, for a second with too many records: each is used together with
            those before it.
        running: The BOOLEAN that says a record is not final yet, if there is one.
        fields: The documented keys, in the order of the columns.
    """

    name: str
    method: str
    roles: tuple[str, ...]
    key: str
    time_field: str
    page_size: int
    max_offset: int
    fields: tuple[Field, ...]
    switches: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    filters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    narrowing: tuple[str, ...] = ()
    running: str | None = None

    @property
    def reach(self) -> int:
        """How many records of one question can be paged to, from one end."""
        return self.max_offset + self.page_size

    @property
    def contents(self) -> dict[str, Content | None]:
        """What its scalars hold, by name, those of nested objects too."""
        return dict(_contents(self.fields))


def _contents(fields: Iterable[Field]) -> Iterator[tuple[str, Content | None]]:
    for item in fields:
        if item.fields:
            yield from _contents(item.fields)
        else:
            yield item.name, item.content


def _fields(kind: Kind, names: str, content: Content | None = None) -> tuple[Field, ...]:
    return tuple(Field(name, kind, content=content) for name in names.split())


CALL = (
    Field("call_id", Kind.INTEGER),
    Field("start_time", Kind.INSTANT),
    Field("duration", Kind.INTEGER),
    *_fields(Kind.TEXT, "local_number remote_number", Content.NUMBER),
    Field("remote_number_type", Kind.TEXT),
    Field("diversion_number", Kind.TEXT, content=Content.NUMBER),
    *_fields(Kind.BOOLEAN, "incoming successful"),
    Field("transaction_id", Kind.INTEGER),
    Field("record_url", Kind.TEXT, content=Content.URL),
    Field("media_server_address", Kind.TEXT),
    Field("cost", Kind.NUMBER),
    Field("custom_data", Kind.TEXT),
    Field("end_reason", Kind.OBJECT, (Field("code", Kind.INTEGER), Field("details", Kind.TEXT))),
    *_fields(Kind.TEXT, "audio_quality direction"),
)

RESOURCE_USAGE = (
    Field("resource_usage_id", Kind.INTEGER),
    Field("resource_type", Kind.TEXT),
    Field("cost", Kind.NUMBER),
    Field("description", Kind.TEXT),
    Field("used_at", Kind.INSTANT),
    Field("transaction_id", Kind.INTEGER),
    Field("resource_quantity", Kind.NUMBER),  # typed int by the vendor, decimal by its Java client
    Field("unit", Kind.TEXT),
    Field("ref_call_id", Kind.INTEGER),
)

RECORD = (
    Field("record_id", Kind.INTEGER),
    Field("record_name", Kind.TEXT),
    Field("cost", Kind.NUMBER),
    Field("start_time", Kind.INSTANT),
    Field("duration", Kind.INTEGER),
    Field("record_url", Kind.TEXT, content=Content.URL),
    Field("transaction_id", Kind.INTEGER),
    Field("file_size", Kind.NUMBER),
    Field("transcription_url", Kind.TEXT, content=Content.URL),
    Field("transcription_status", Kind.TEXT),
    Field("transcription_transaction_id", Kind.INTEGER),
    *_fields(Kind.BOOLEAN, "hd_audio lossless is_removed"),
    Field("expiration_date", Kind.DATE),
    Field("media_parameters", Kind.TEXT),
)

CALLS = Dataset(
    name="calls",
    method="GetCallHistory",
    roles=("Owner", "Admin", "Developer", "Supervisor", "Support"),
    key="call_session_history_id",
    time_field="start_date",
    page_size=1_000,
    max_offset=10_000,
    switches=MappingProxyType(
        {"calls": "with_calls", "records": "with_records", "resources": "with_other_resources"}
    ),
    filters=MappingProxyType(
        {
            "application_id": "application_id",
            "user_id": "user_id",
            "rule_name": "rule_name",
            "remote_number": "remote_number",
            "local_number": "local_number",
            "custom_data": "call_session_history_custom_data",
            "child_account_id": "child_account_id",
            "children_calls_only": "children_calls_only",
        }
    ),
    narrowing=("application_id", "rule_name", "user_id"),
    running="active",
    fields=(
        *_fields(Kind.INTEGER, "call_session_history_id account_id application_id"),
        *_fields(Kind.TEXT, "application_name rule_name"),
        Field("user_id", Kind.INTEGER),
        Field("start_date", Kind.INSTANT),
        Field("duration", Kind.INTEGER),
        *_fields(Kind.TEXT, "initiator_address media_server_address"),  # IP addresses, both
        Field("log_file_url", Kind.TEXT, content=Content.URL),
        *_fields(Kind.TEXT, "finish_reason custom_data audio_quality"),
        Field("active", Kind.BOOLEAN),
        Field("calls", Kind.LIST, CALL),
        Field("other_resource_usage", Kind.LIST, RESOURCE_USAGE),
        Field("records", Kind.LIST, RECORD),
    ),
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({dataset.name: dataset for dataset in (CALLS,)})
