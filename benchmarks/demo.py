"""``make demo``: a quarter of synthetic history, served by its own process, into a lake to look at."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

START, END, SESSIONS = "2024-01-01", "2024-04-01", 300_000
QUERY = """
SELECT date,
       count(*)                                             AS sessions,
       sum(len(calls))                                      AS calls,
       CAST(sum(coalesce(list_sum(list_transform(calls, lambda call: call.cost)), 0)
              + coalesce(list_sum(list_transform(records, lambda record: record.cost)), 0)
              + coalesce(list_sum(list_transform(other_resource_usage, lambda usage: usage.cost)), 0))
            AS DECIMAL(18, 2))                              AS cost
FROM read_parquet('{lake}/calls/**/*.parquet', hive_partitioning = true)
GROUP BY date ORDER BY date LIMIT 10
"""


def main(lake: Path) -> int:
    """Harvest into ``lake`` and show what came; returns the harvest's exit code."""
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)) as (endpoint, credentials):
        command = [
            *(sys.executable, "-m", "harvester", "backfill"),
            *("--from", START, "--to", END, "--lake", str(lake)),
            *("--endpoint", endpoint, "--credentials", credentials, "--rate", "none"),
        ]
        print("$ harvester", *command[3:], flush=True)
        code = subprocess.run(command, check=False).returncode  # noqa: S603  (our own program)
        with urllib.request.urlopen(f"{endpoint}/emulator") as answer:  # noqa: S310  (on loopback)
            print(f"The emulator was asked {json.load(answer)['requests']:,} times.\n")
    if code == 0:
        print(f"The first days of {lake}, read by DuckDB:")
        print(duckdb.sql(QUERY.format(lake=lake)))
    return code


@contextmanager
def emulator(folder: Path) -> Iterator[tuple[str, str]]:
    """An emulator in its own process; gives its endpoint and its key file."""
    command = [
        *(sys.executable, "-m", "harvester", "emulator"),
        *("--from", START, "--to", END, "--sessions", str(SESSIONS), "--folder", str(folder)),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (likewise)
        try:
            assert process.stdout is not None  # noqa: S101  (it is a pipe)
            endpoint, credentials = (process.stdout.readline().split(maxsplit=1)[1].strip() for _ in range(2))
            yield endpoint, credentials
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
