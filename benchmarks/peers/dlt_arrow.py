"""dlt at its strongest: a hand-written asynchronous resource on aiohttp and orjson that yields Arrow."""

from typing import Any

import aiohttp
import dlt
import orjson
import pyarrow as pa

from benchmarks.columns import STRUCT
from benchmarks.peers.work import METHOD, PAGE, PARTS, arguments, days


def main() -> None:
    """Load all days, twenty at once."""
    endpoint, token, folder = arguments()
    sessions: list[aiohttp.ClientSession] = []

    async def calls(day: dict[str, str]) -> Any:  # noqa: ANN401  (what dlt takes)
        if not sessions:  # in dlt's own loop
            sessions.append(aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}))
        tables, total = list[Any](), 1
        while len(tables) * PAGE < total:
            form = {**day, **PARTS, "count": str(PAGE), "offset": str(len(tables) * PAGE)}
            async with sessions[0].post(f"{endpoint}/platform_api/{METHOD}", data=form) as response:
                answer = orjson.loads(await response.read())
            total = answer["total_count"]
            tables.append(pa.Table.from_struct_array(pa.array(answer["result"], STRUCT)))
        return pa.concat_tables(tables)

    listed = dlt.resource(list(days()), name="days")
    loaded = listed | dlt.transformer(calls, name="calls")
    pipeline = dlt.pipeline(
        "peer",
        destination=dlt.destinations.filesystem(f"file://{folder}/lake"),
        dataset_name="peer",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(loaded, loader_file_format="parquet")


if __name__ == "__main__":
    main()
