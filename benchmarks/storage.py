"""``python -m benchmarks.storage``: what compression, row groups and dictionaries cost, in bytes and in time.

The rows are a day of the synthetic account, as the harvester holds them. Choices take turns; each figure is a
ratio to the choice that the writer makes, or plainly a size.
"""

import argparse
import io
import json
import statistics
import time
from dataclasses import dataclass, replace

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from harvester import notation
from harvester.datasets import CALLS
from harvester.emulator import SyntheticAccount
from harvester.lake.writer import COMPRESSION, LEVEL, ROW_GROUP
from harvester.records.decode import Decoder

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Choice:
    """How to write a file; the defaults are the harvester's."""

    codec: str = COMPRESSION
    level: int | None = LEVEL
    row_group: int = ROW_GROUP
    dictionary: bool = True
    checksum: bool = True

    @property
    def name(self) -> str:
        """What differs, in a few words."""
        level = "" if self.level is None else f" {self.level}"
        dictionary = "" if self.dictionary else ", no dictionaries"
        checksum = "" if self.checksum else ", no checksums"
        return f"{self.codec}{level}, {self.row_group:,} rows{dictionary}{checksum}"


CHOSEN = Choice()
CHOICES = list(
    dict.fromkeys(  # each once
        [
            CHOSEN,
            *(replace(CHOSEN, codec=codec, level=None) for codec in ("none", "snappy", "lz4")),
            *(replace(CHOSEN, codec="zstd", level=level) for level in (1, 3, 6, 9)),
            *(replace(CHOSEN, row_group=rows) for rows in (8_192, 16_384, 32_768, 65_536, 131_072)),
            replace(CHOSEN, dictionary=False),
            replace(CHOSEN, checksum=False),
        ]
    )
)


def table(rows: int) -> pa.Table:
    """The first ``rows`` sessions of a dense account, in pages as they come."""
    span = notation.span("2024-01-01", "2024-01-02")
    account = SyntheticAccount(rows, span.start, span.end)
    decoder, batches, page = Decoder(CALLS), [], list[dict[str, object]]()
    for session in account.sessions(span.start, span.end):
        page.append(session)
        if len(page) == _PAGE:
            text = orjson.dumps({"result": page})
            batches.append(decoder.decode(orjson.loads(text)["result"], text).batch)
            page = []
    return pa.Table.from_batches(batches)


def written(rows: pa.Table, choice: Choice) -> tuple[int, float]:
    """Bytes of the file, and processor seconds to write it."""
    file = io.BytesIO()
    began = time.process_time()
    with pq.ParquetWriter(
        file,
        rows.schema,
        compression=choice.codec,
        compression_level=choice.level,
        use_dictionary=choice.dictionary,
        write_page_checksum=choice.checksum,
    ) as writer:
        for start in range(0, rows.num_rows, choice.row_group):
            group = rows.slice(start, choice.row_group).combine_chunks()
            writer.write_table(group, row_group_size=choice.row_group)
    return file.tell(), time.process_time() - began


def read(rows: pa.Table, choice: Choice) -> float:
    """Processor seconds of a typical question to a file so written."""
    file = "/dev/shm/harvester-storage.parquet"  # noqa: S108  (memory; the disk is not the question)
    pq.write_table(
        rows,
        file,
        compression=choice.codec,
        compression_level=choice.level,
        row_group_size=choice.row_group,
        use_dictionary=choice.dictionary,
    )
    began = time.process_time()
    duckdb.execute(
        "SELECT application_name, count(*), sum(duration), sum(list_sum([c.cost FOR c IN calls]))"
        f" FROM '{file}' WHERE start_date >= TIMESTAMPTZ '2024-01-01 12:00:00+00' GROUP BY ALL"
    ).fetchall()
    return time.process_time() - began


def measure(rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """By choice: MB, and the times to write and to read, as ratios to the chosen one's."""
    sessions = table(rows)
    times: dict[Choice, list[tuple[float, float]]] = {choice: [] for choice in CHOICES}
    sizes = {}
    for number in range(rounds):
        turn = number * 5 % len(CHOICES)  # whoever comes first finds a cold machine: each in turn
        for choice in CHOICES[turn:] + CHOICES[:turn]:
            sizes[choice], seconds = written(sessions, choice)
            times[choice].append((seconds, read(sessions, choice)))
    figures = {}
    usual = times[CHOSEN]
    for choice, taken in times.items():
        ratios = [
            (mine[0] / chosen[0], mine[1] / chosen[1]) for mine, chosen in zip(taken, usual, strict=True)
        ]
        figures[choice.name] = {
            "MB": round(sizes[choice] / 1e6, 2),
            "write": round(statistics.median(write for write, _ in ratios), 2),
            "read": round(statistics.median(answered for _, answered in ratios), 2),
            "held MB": round(sessions.nbytes / rows * min(choice.row_group, rows) / 1e6, 1),
        }
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(measure(options.rows, options.rounds), indent=2))
