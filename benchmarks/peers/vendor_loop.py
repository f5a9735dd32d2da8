"""The vendor's client in a loop, page after page, into one Parquet file.

The client speaks HTTPS to the vendor alone, so its way of asking is written out: one ``requests.post`` after
the other without a session. Its token is given here; the client signs one from the key's text each time.
"""

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from benchmarks.columns import STRUCT
from benchmarks.peers.work import METHOD, PAGE, PARTS, arguments, days


def main() -> None:
    """Load all days."""
    endpoint, token, folder = arguments()
    headers = {"Authorization": f"Bearer {token}"}
    (folder / "lake").mkdir(parents=True)
    with pq.ParquetWriter(folder / "lake" / "calls.parquet", pa.schema(list(STRUCT))) as writer:
        for day in days():
            offset, total = 0, 1
            while offset < total:
                form = {**day, **PARTS, "count": str(PAGE), "offset": str(offset)}
                url = f"{endpoint}/platform_api/{METHOD}"
                answer = requests.post(url, data=form, headers=headers, timeout=60).json()
                total = answer["total_count"]
                offset += PAGE
                writer.write_table(pa.Table.from_struct_array(pa.array(answer["result"], STRUCT)))


if __name__ == "__main__":
    main()
