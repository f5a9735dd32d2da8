"""``harvester schema``: the columns of a dataset, in the words of whoever reads them."""

import click

from harvester.cli.options import option, options
from harvester.datasets import DATASETS
from harvester.errors import ConfigError


@click.command("schema")
@click.argument("name", type=click.Choice(list(DATASETS)))
@options(
    option(
        "--format",
        "form",
        type=click.Choice(["arrow", "duckdb", "spark"]),
        default="arrow",
        show_default=True,
        help="The Arrow schema, or the statement that makes a table of it.",
    ),
    option(
        "--tables",
        type=click.Choice(["nested", "flat"]),
        default="nested",
        show_default=True,
        help="One table with nested lists, or flat ones, one a list.",
    ),
)
def command(name: str, form: str, tables: str) -> None:
    """Print the columns of a dataset.

    As an Arrow schema, or as the CREATE TABLE of DuckDB or Spark. Its files load into such a table as they
    are; the partition's columns (date, hour or month) come from the folders' names. Flat tables have each
    their own, a dataset without lists has none.

    \b
    Examples:
      harvester schema calls
      harvester schema acd --format duckdb | duckdb history.db
      harvester schema transactions --format spark
      harvester schema calls --tables flat --format duckdb | duckdb history.db
    """  # noqa: D301  (\b keeps click from joining the lines)
    from harvester.records.ddl import ddl
    from harvester.records.flat import Flat
    from harvester.records.schema import arrow_schema

    dataset = DATASETS[name]
    if tables == "nested":
        schema = arrow_schema(dataset)
        click.echo(str(schema) if form == "arrow" else ddl(name, schema, form))
        return
    if not dataset.tables:
        raise ConfigError(f"{name} have no lists, so nested is flat: leave --tables flat out")
    for table, schema in Flat.of(dataset).schemas.items():
        click.echo(f"{name}.{table}\n{schema}\n" if form == "arrow" else ddl(f"{name}_{table}", schema, form))
