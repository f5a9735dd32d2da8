"""The columns of a dataset as a reader's own statement: a table that its files load into as they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a reader writes its types.

    Attributes:
        scalars: Its name of each type that does not nest.
        quote: What stands around a name.
        member: Between a member's name and its type.
        struct: A struct, from its members.
        array: A list, from the type of its elements.
        end: What follows the columns.
    """

    scalars: Mapping[pa.DataType, str]
    quote: str
    member: str
    struct: Callable[[str], str]
    array: Callable[[str], str]
    end: str

    def type_of(self, arrow: pa.DataType) -> str:
        """Its name of an Arrow type."""
        if pa.types.is_list(arrow):
            return self.array(self.type_of(arrow.value_type))
        if pa.types.is_struct(arrow):
            members = (f"{self.name(field.name)}{self.member}{self.type_of(field.type)}" for field in arrow)
            return self.struct(", ".join(members))
        return self.scalars[arrow]

    def name(self, name: str) -> str:
        """A name, quoted: some are words of the language."""
        return f"{self.quote}{name}{self.quote}"


def _scalars(integer: str, number: str, boolean: str, text: str, instant: str) -> Mapping[pa.DataType, str]:
    return {
        pa.int64(): integer,
        pa.float64(): number,
        pa.bool_(): boolean,
        pa.string(): text,
        pa.timestamp("s", "UTC"): instant,
        pa.date32(): "DATE",
    }


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "duckdb": Dialect(
            _scalars("BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR", "TIMESTAMP WITH TIME ZONE"),
            quote='"',
            member=" ",
            struct="STRUCT({})".format,
            array="{}[]".format,
            end="",
        ),
        "spark": Dialect(
            _scalars("BIGINT", "DOUBLE", "BOOLEAN", "STRING", "TIMESTAMP"),
            quote="`",
            member=": ",
            struct="STRUCT<{}>".format,
            array="ARRAY<{}>".format,
            end=" USING PARQUET",
        ),
    }
)


def ddl(table: str, schema: pa.Schema, dialect: str) -> str:
    """The statement that makes an empty table.

    Args:
        table: Its name.
        schema: Its columns.
        dialect: ``duckdb`` or ``spark``.
    """
    words = DIALECTS[dialect]
    columns = [
        f"  {words.name(field.name)} {words.type_of(field.type)}{'' if field.nullable else ' NOT NULL'}"
        for field in schema
    ]
    return f"CREATE TABLE {words.name(table)} (\n" + ",\n".join(columns) + f"\n){words.end};"
