from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.datasets import DATASETS, Kind
from harvester.records.flat import Flat, ListTable, TablesApartError
from tests.lake.history import STEADY

_ELEMENT = pa.struct([("name", pa.string()), ("end", pa.struct([("code", pa.int64())]))])
_NESTED = pa.schema(
    [
        pa.field("key", pa.int64(), nullable=False),
        pa.field("calls", pa.list_(_ELEMENT)),
        pa.field("time", pa.timestamp("s", "UTC"), nullable=False),
        pa.field("used", pa.list_(pa.struct([("unit", pa.string())]))),
        pa.field("extra", pa.string()),
    ]
)
_HEADS = [_NESTED.field("key"), _NESTED.field("time"), pa.field("position", pa.int64(), nullable=False)]
FLAT = Flat(
    _NESTED,
    "key",
    "time",
    "sessions",
    {
        "calls": ListTable("calls", "calls_count", pa.schema([*_HEADS, *_ELEMENT])),
        "resources": ListTable("used", "used_count", pa.schema([*_HEADS, pa.field("unit", pa.string())])),
    },
)

_texts = st.none() | st.text(max_size=2)
_calls = st.fixed_dictionaries({"name": _texts, "end": st.none() | st.just({"code": 7})})
_records = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.integers(-(2**63), 2**63 - 1),
            "calls": st.none() | st.lists(_calls, max_size=3),
            "time": st.integers(0, 2**31),
            "used": st.none() | st.lists(st.fixed_dictionaries({"unit": _texts}), max_size=3),
            "extra": _texts,
        }
    ),
    max_size=7,
)


def batch(records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Records as Arrow."""
    columns = [pa.array([record[field.name] for record in records], field.type) for field in _NESTED]
    return pa.RecordBatch.from_arrays(columns, schema=_NESTED)


@given(_records, st.integers(0, 7), st.integers(0, 7))
@STEADY
def test_every_element_is_a_row_with_its_place(
    records: list[dict[str, Any]], start: int, length: int
) -> None:
    """Whatever part of a batch is split: its lists become counts, null for null, and nothing else changes."""
    tables = FLAT.split(batch(records).slice(min(start, len(records)), length))
    records = batch(records).to_pylist()[start : start + length]
    assert {name: rows.schema for name, rows in tables.items()} == FLAT.schemas
    for rows in tables.values():
        rows.validate(full=True)
    assert tables["sessions"].to_pylist() == [
        {
            "key": record["key"],
            "calls_count": None if record["calls"] is None else len(record["calls"]),
            "time": record["time"],
            "used_count": None if record["used"] is None else len(record["used"]),
            "extra": record["extra"],
        }
        for record in records
    ]
    for name, column in (("calls", "calls"), ("resources", "used")):
        assert tables[name].to_pylist() == [
            {"key": record["key"], "time": record["time"], "position": position, **element}
            for record in records
            for position, element in enumerate(record[column] or ())
        ]


@given(_records)
@STEADY
def test_the_tables_give_the_records_back(records: list[dict[str, Any]]) -> None:
    """Value for value, null lists and empty ones too."""
    nested = batch(records)
    tables = FLAT.split(nested)
    joined = FLAT.join(tables["sessions"], tables)
    joined.validate(full=True)
    assert joined.equals(nested)


_TWO = [
    {
        "key": 1,
        "calls": [{"name": "a", "end": None}, {"name": "b", "end": None}],
        "time": 5,
        "used": None,
        "extra": None,
    },
    {"key": 2, "calls": [{"name": "c", "end": None}], "time": 6, "used": [], "extra": None},
]


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ([0, 1], "the sessions count 3 calls, there are 2"),
        ([0, 1, 2, 2], "the sessions count 3 calls, there are 4"),
        ([1, 0, 2], "the calls do not belong to the sessions"),
        ([0, 2, 1], "the calls do not belong to the sessions"),
        ([0, 0, 2], "the calls do not belong to the sessions"),
    ],
    ids=["one lost", "one doubled", "swapped", "of the other session", "one in place of another"],
)
def test_tables_that_do_not_belong_together_are_not_joined(order: list[int], complaint: str) -> None:
    """P3: a row too few, too many, or in the place of another is noticed."""
    tables = FLAT.split(batch(_TWO))
    with pytest.raises(TablesApartError, match=complaint):
        FLAT.join(tables["sessions"], tables | {"calls": tables["calls"].take(order)})


def test_an_element_without_value_is_a_row_of_nulls() -> None:
    """It has its place, so the positions of the others stay those in the answer."""
    nested = batch([{**_TWO[0], "used": [None, {"unit": "s"}]}])
    rows = FLAT.split(nested)["resources"].to_pylist()
    assert [(row["position"], row["unit"]) for row in rows] == [(0, None), (1, "s")]


@pytest.mark.parametrize(
    "dataset", [item for item in DATASETS.values() if item.tables], ids=lambda item: item.name
)
def test_no_table_has_two_columns_of_one_name(dataset: Any) -> None:
    """Key, time, position and counts are called as nothing that the vendor sends."""
    for schema in Flat.of(dataset).schemas.values():
        assert len(set(schema.names)) == len(schema.names)
        assert not any(pa.types.is_list(field.type) for field in schema)
    assert len(set(dataset.tables)) == 1 + sum(field.kind is Kind.LIST for field in dataset.fields)
