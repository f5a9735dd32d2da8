"""What a history method of the vendor is: the words in which ``datasets`` describes each of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Kind(Enum):
    """What a JSON value of a field is, and so which Arrow type holds it without loss."""

    INTEGER = "int64"
    DIGITS = "int64, from a number or from the text of its digits"
    NUMBER = "float64"
    BOOLEAN = "bool"
    TEXT = "string"
    JSON = "string, the JSON text of any value"
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
    """One key of a record.

    Attributes:
        name: The vendor's name of it.
        kind: What its values are.
        fields: The keys of the nested object(s) of an OBJECT or a LIST.
        content: What its text holds.
        table: What the elements of a LIST are called as a table of their own, if not as the field.
    """

    name: str
    kind: Kind
    fields: tuple["Field", ...] = ()
    content: Content | None = None
    table: str = ""


def fields_of(kind: Kind, names: str, content: Content | None = None) -> tuple[Field, ...]:
    """Fields of one kind, by their names with spaces between."""
    return tuple(Field(name, kind, content=content) for name in names.split())


@dataclass(frozen=True, slots=True)
class Switch:
    """A parameter that widens a record.

    Attributes:
        parameter: The vendor's name of it; a boolean.
        what: What it adds, as in "Ask for …".
        adds: The fields it adds; empty if the vendor does not name them.
        unsaid: What the vendor takes it for when it is not sent.
    """

    parameter: str
    what: str
    adds: tuple[str, ...] = ()
    unsaid: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter that narrows a history.

    Attributes:
        parameter: The vendor's name of it.
        what: What is left, as in "Only …".
        kind: INTEGER, TEXT or BOOLEAN; a BOOLEAN is sent only if it is true.
        several: Whether it takes a list, joined by ``;``.
        needs: Another filter without which the vendor refuses it.
        because: Why it does.
    """

    parameter: str
    what: str
    kind: Kind = Kind.TEXT
    several: bool = False
    needs: str | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class ReportMethod:
    """How a history is ordered as a report: a CSV file that the vendor makes in its own time.

    Attributes:
        method: The vendor's method that orders one.
        history_type: What the vendor's list of reports calls its kind.
        columns: The field of each column that is not named as one; a dot leads into an OBJECT.
        prefix: What stands before the record's own fields, beside those in ``columns``.
        lines: The LIST that has an element for each line of a record; ``None`` if a line is a record.
        line_prefix: What stands before the fields of such an element.
        line_columns: As ``columns``, of such an element.
        line_key: The field by which such elements are told apart; ``None`` if there is none.
        without: Switches whose additions have no known column: they must be off.
        untaken: Parameters of the paging method that this one does not take.
        sometimes: Fields that a report may lack without being the poorer, since pages lack them as well.
    """

    method: str
    history_type: str
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    prefix: str = ""
    lines: str | None = None
    line_prefix: str = ""
    line_columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    line_key: str | None = None
    without: tuple[str, ...] = ()
    untaken: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Children:
    """How a parent asks a method for its child accounts.

    Attributes:
        named: The parameter that takes their ids.
        only: The parameter that leaves the parent's own records out.
    """

    named: str
    only: str


@dataclass(frozen=True, slots=True)
class Sign:
    """What shows in the objects of a list that a record is not final, though it may not be running.

    Attributes:
        within: The LIST.
        field: A field of its objects.
        final: The texts that are final, beside null; if there are none, null alone is not final.
    """

    within: str
    field: str
    final: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """One history method.

    Attributes:
        name: What the user calls it, and the folder below the lake.
        method: The vendor's method that pages through it, or at least counts it.
        roles: Key roles that may call it.
        key: The field that identifies a record within its account.
        time_field: The INSTANT the method filters and orders by.
        page_size: Most records of one answer (the vendor's cap on ``count``), or the most to try.
        max_offset: Largest ``offset`` the vendor accepts, or the largest to try.
        fields: The documented keys, in the order of the columns.
        switches: What widens a record, by the option that turns it on or off.
        filters: What narrows the history, by option; one that is named as a field compares with it.
        narrowing: Fields that are filters too, for a second with too many records: each is used together with
            those before it.
        running: The BOOLEAN that says a record is not final yet, if there is one.
        unfinished: What else shows that something of it is still to come.
        noun: What its records are called.
        usual_count: Records of one answer when no ``count`` is sent: so many are served in any case.
        caps_published: Whether the vendor publishes ``page_size`` and ``max_offset``; else they are learned.
        descends: Whether it takes ``desc_order``.
        asks_total: Whether it takes ``with_total_count``; else every answer has its total.
        total_unasked: Whether an answer has its total when ``with_total_count`` is not sent.
        zoned: Whether it takes ``timezone`` and names it in its answers; else all times are UTC.
        rate: Requests per second that the vendor allows for this method alone, if it says so.
        report: How it is ordered as a report, if it can be.
        account: The field that says whose a record is.
        children: How a parent asks for its children, if it can; else only a token of theirs does.
        paged: Whether ``method`` brings its records; else only reports do, and ``method`` counts them.
        row_bytes: Size of a record in a published file, as measured on synthetic history; for
            forecasts, until the lake knows better.
    """

    name: str
    method: str
    roles: tuple[str, ...]
    key: str
    time_field: str
    page_size: int
    max_offset: int
    fields: tuple[Field, ...]
    switches: Mapping[str, Switch] = field(default_factory=lambda: MappingProxyType({}))
    filters: Mapping[str, Filter] = field(default_factory=lambda: MappingProxyType({}))
    narrowing: tuple[str, ...] = ()
    running: str | None = None
    unfinished: tuple[Sign, ...] = ()
    noun: str = "records"
    usual_count: int = 20
    caps_published: bool = True
    descends: bool = True
    asks_total: bool = True
    total_unasked: bool = True
    zoned: bool = True
    rate: float | None = None
    report: ReportMethod | None = None
    account: str = "account_id"
    children: Children | None = None
    paged: bool = True
    row_bytes: float = 350.0

    @property
    def reach(self) -> int:
        """How many records of one question can be paged to, from one end."""
        return self.max_offset + self.page_size

    @property
    def lists(self) -> dict[str, Field]:
        """Its lists, by the names of the tables that their elements are when they are not nested."""
        return {item.table or item.name: item for item in self.fields if item.kind is Kind.LIST}

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of its records when nothing is nested, that of the records first; none without lists."""
        return (self.noun, *self.lists) if self.lists else ()

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
