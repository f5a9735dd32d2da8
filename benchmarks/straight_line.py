"""The floor: the least work anyone could do with the same answers.

``python -m benchmarks.straight_line ENDPOINT QUESTIONS FILE``: aiohttp, orjson, Arrow, one Parquet file. It
is told which questions to ask, so it plans nothing; it tries nothing twice, keeps nothing, and proves
nothing. What makes it fast without any care is in it: the collector is off, an answer becomes Arrow in one
call.
"""

import asyncio
import gc
import json
import sys
from pathlib import Path

import aiohttp
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.columns import STRUCT

_ROW_GROUP = 131_072


async def main(endpoint: str, questions: str, file: str, *, concurrency: int = 8) -> None:
    """Ask all questions and write one file."""
    gc.disable()
    asked = iter(json.loads(questions))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(file, pa.schema(list(STRUCT)), compression="zstd", compression_level=3) as writer:
        async with aiohttp.ClientSession(endpoint) as session:

            async def ask() -> None:
                for path, body in asked:
                    async with session.post(path, data=body.encode(), headers=headers) as response:
                        records = orjson.loads(await response.read())["result"]
                    waiting.append(pa.RecordBatch.from_struct_array(pa.array(records, STRUCT)))
                    if sum(batch.num_rows for batch in waiting) >= _ROW_GROUP:
                        table = pa.Table.from_batches(waiting)
                        waiting.clear()
                        writer.write_table(table, row_group_size=_ROW_GROUP)

            await asyncio.gather(*(ask() for _ in range(concurrency)))
        writer.write_table(pa.Table.from_batches(waiting), row_group_size=_ROW_GROUP)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text(), sys.argv[3]))
