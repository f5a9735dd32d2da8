"""airbyte-cdk's declarative source, ten slices at once; its records go to Parquet, batch by batch.

Its own authenticator signs, as the manifest says: with ``--token-given`` it does not have to. The issuer is
quoted because the manifest's templates make a number of an account's id, which PyJWT refuses to sign.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from airbyte_cdk.models import SyncMode, Type
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.test.catalog_builder import CatalogBuilder

from benchmarks.columns import STRUCT
from benchmarks.peers.work import END, METHOD, PAGE, PARTS, START, arguments, credentials

_BATCH = 20_000  # records
_MOMENT = "%Y-%m-%d %H:%M:%S"
_JWT = {
    "type": "JwtAuthenticator",
    "secret_key": "{{ config['private_key'] }}",
    "algorithm": "RS256",
    "token_duration": 3_600,
    "header_prefix": "Bearer",
    "jwt_headers": {"kid": "{{ config['key_id'] }}"},
    "jwt_payload": {"iss": "'{{ config['account_id'] }}'"},
}
_TOKEN = {"type": "BearerAuthenticator", "api_token": "{{ config['token'] }}"}


def manifest(endpoint: str, authenticator: Mapping[str, object]) -> dict[str, Any]:
    """Days as slices, pages by offset, all in the body of a POST."""

    def sent_as(name: str) -> dict[str, str]:
        return {"type": "RequestOption", "inject_into": "body_data", "field_name": name}

    stream = {
        "type": "DeclarativeStream",
        "name": "calls",
        "primary_key": "call_session_history_id",
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": f"{endpoint}/platform_api/",
                "path": METHOD,
                "http_method": "POST",
                "request_body_data": PARTS,
                "authenticator": authenticator,
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["result"]},
            },
            "paginator": {
                "type": "DefaultPaginator",
                "pagination_strategy": {"type": "OffsetIncrement", "page_size": PAGE},
                "page_size_option": sent_as("count"),
                "page_token_option": sent_as("offset"),
            },
        },
        "incremental_sync": {
            "type": "DatetimeBasedCursor",
            "cursor_field": "start_date",
            "datetime_format": _MOMENT,
            "start_datetime": {"type": "MinMaxDatetime", "datetime": START, "datetime_format": "%Y-%m-%d"},
            "end_datetime": {
                "type": "MinMaxDatetime",
                "datetime": f"{END} 00:00:00",
                "datetime_format": _MOMENT,
            },
            "step": "P1D",
            "cursor_granularity": "PT1S",
            "start_time_option": sent_as("from_date"),
            "end_time_option": sent_as("to_date"),
        },
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": "object", "properties": {}}},
    }
    return {
        "version": "7.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["calls"]},
        "streams": [stream],
        "concurrency_level": {"type": "ConcurrencyLevel", "default_concurrency": 10},
    }


def records(source: ConcurrentDeclarativeSource, config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What the source reads, in the order of arrival."""
    catalog = CatalogBuilder().with_stream("calls", SyncMode.incremental).build()
    for message in source.read(logging.getLogger("peer"), config, catalog, []):
        if message.type is Type.RECORD and message.record is not None:
            yield message.record.data


def main() -> None:
    """Load all days."""
    endpoint, token, folder = arguments()
    key = json.loads(Path(credentials()).read_text())
    config = {**key, "token": token}
    authenticator = _TOKEN if "--token-given" in sys.argv else _JWT
    source = ConcurrentDeclarativeSource(
        catalog=None, config=config, state=[], source_config=manifest(endpoint, authenticator)
    )
    arriving = records(source, config)
    (folder / "lake").mkdir(parents=True)
    with pq.ParquetWriter(folder / "lake" / "calls.parquet", pa.schema(list(STRUCT))) as writer:
        while batch := list(islice(arriving, _BATCH)):
            writer.write_table(pa.Table.from_struct_array(pa.array(batch, STRUCT)))


if __name__ == "__main__":
    main()
