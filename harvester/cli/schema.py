"""``harvester schema``: the columns of a dataset, in the words of whoever reads them."""

import click

from harvester.cli.options import option, options
from harvester.datasets import DATASETS


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
    )
)
def command(name: str, form: str) -> None:
    """Print the columns of a dataset.

    As an Arrow schema, or as the CREATE TABLE of DuckDB or Spark. Its files load into such a table as they
    are; the partition's columns (date, hour or month) come from the folders' names.

    \b
    Examples:
      harvester schema calls
      harvester schema acd --format duckdb | duckdb history.db
      harvester schema transactions --format spark
    """  # noqa: D301  (\b keeps click from joining the lines)
    from harvester.records.ddl import ddl
    from harvester.records.schema import arrow_schema

    dataset = DATASETS[name]
    click.echo(str(arrow_schema(dataset)) if form == "arrow" else ddl(dataset, form))
