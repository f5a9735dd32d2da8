"""An answer of the API with two records, plain and packed, and answers made of anything."""

import gzip
import json

from harvester.api.envelope import Answer

GOOD = {
    "result": [{"call_session_history_id": 1}, {"call_session_history_id": 2}],
    "count": 2,
    "total_count": 17,
    "timezone": "Etc/GMT",
}
TEXT = json.dumps(GOOD).encode()
ZIPPED = gzip.compress(TEXT)


def plain(content: object) -> Answer:
    """An answer that is not compressed."""
    return Answer(content if isinstance(content, bytes) else json.dumps(content).encode(), "identity")


def zipped(body: bytes) -> Answer:
    """An answer said to be compressed."""
    return Answer(body, "gzip")
