"""The Arrow schema of a dataset."""

from dataclasses import replace

import pyarrow as pa
import pytest

from harvester.datasets import CALLS, DATASETS, Dataset, Field, Kind
from harvester.records.schema import SCHEMA_VERSION, arrow_schema, shape_of

SMALL = Dataset(
    name="small",
    method="GetSmall",
    roles=("Owner",),
    key="id",
    time_field="at",
    page_size=10,
    max_offset=100,
    fields=(
        Field("id", Kind.INTEGER),
        Field("at", Kind.INSTANT),
        Field("day", Kind.DATE),
        Field("amount", Kind.NUMBER),
        Field("done", Kind.BOOLEAN),
        Field("name", Kind.TEXT),
        Field(
            "legs",
            Kind.LIST,
            (Field("at", Kind.INSTANT), Field("end", Kind.OBJECT, (Field("x", Kind.TEXT),))),
        ),
        Field("end", Kind.OBJECT, (Field("code", Kind.INTEGER),)),
    ),
)


def test_every_kind_has_its_column() -> None:
    """Columns keep the vendor's names and order; only key and time are not nullable; ``extra`` comes last."""
    moment = pa.timestamp("s", "UTC")
    assert arrow_schema(SMALL) == pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("at", moment, nullable=False),
            pa.field("day", pa.date32()),
            pa.field("amount", pa.float64()),
            pa.field("done", pa.bool_()),
            pa.field("name", pa.string()),
            pa.field("legs", pa.list_(pa.struct([("at", moment), ("end", pa.struct([("x", pa.string())]))]))),
            pa.field("end", pa.struct([("code", pa.int64())])),
            pa.field("extra", pa.string()),
        ]
    )


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_dataset_has_a_schema(dataset: Dataset) -> None:
    """Each documented key is a column, and each key and time field is one that cannot be null."""
    schema = arrow_schema(dataset)
    assert schema.names == [*(field.name for field in dataset.fields), "extra"]
    assert [field.name for field in schema if not field.nullable] == [
        field.name for field in dataset.fields if field.name in {dataset.key, dataset.time_field}
    ]
    assert schema.field(dataset.key).type == pa.int64()
    assert schema.field(dataset.time_field).type == pa.timestamp("s", "UTC")


def test_equal_datasets_share_one_schema() -> None:
    """The schema is built once, although a dataset has no hash."""
    assert arrow_schema(replace(CALLS, page_size=1)) is arrow_schema(CALLS)


def test_paths_say_where_a_key_lies() -> None:
    """A list's keys are reached by ``[].``, an object's by a point."""
    legs = shape_of(SMALL.fields).nested["legs"]
    assert (legs.path, legs.nested["end"].path) == ("legs[].", "legs[].end.")


def test_the_layout_on_disk_has_a_version() -> None:
    """Changing the layout below without raising the version would mix two layouts in one lake."""
    assert SCHEMA_VERSION == 1
    assert str(arrow_schema(CALLS).field("records").type).count("timestamp[s, tz=UTC]") == 1
