"""A tap on singer-sdk that sends BATCH messages, whose files are Parquet; no types are conformed.

The SDK asks one question after the other, and has no way to ask several.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import requests
from singer_sdk import RESTStream, Stream, Tap
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import BaseAPIPaginator
from singer_sdk.streams.core import TypeConformanceLevel

from benchmarks.peers.work import METHOD, PAGE, PARTS, arguments, days
from harvester.datasets import CALLS, Field, Kind

_BATCH = 20_000  # records
_TYPES = {Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.BOOLEAN: "boolean"}
_Place = tuple[dict[str, str], int]


def schema(fields: Iterable[Field]) -> dict[str, Any]:
    """The JSON schema of an object with these fields."""
    return {"type": ["object", "null"], "properties": {field.name: _schema(field) for field in fields}}


def _schema(field: Field) -> dict[str, Any]:
    if field.kind is Kind.LIST:
        return {"type": ["array", "null"], "items": schema(field.fields)}
    if field.kind is Kind.OBJECT:
        return schema(field.fields)
    return {"type": [_TYPES.get(field.kind, "string"), "null"]}


class Pages(BaseAPIPaginator[_Place]):
    """Day after day, page after page."""

    def __init__(self, total: Callable[[], int]) -> None:
        """Start; ``total`` says how many sessions the day has that was asked for last."""
        self._days = days()
        self._total = total
        super().__init__((next(self._days), 0))

    def get_next(self, _response: requests.Response) -> _Place | None:
        """What to ask next."""
        day, offset = self.current_value
        if offset + PAGE < self._total():
            return day, offset + PAGE
        following = next(self._days, None)
        return None if following is None else (following, 0)

    def continue_if_empty(self, _response: requests.Response) -> bool:
        """Whether a day without sessions is not the last."""
        return True


class Calls(RESTStream[_Place]):
    """The sessions of all days."""

    name = "calls"
    path = f"/platform_api/{METHOD}"
    http_method = "POST"
    payload_as_json = False
    primary_keys: ClassVar[tuple[str, ...]] = ("call_session_history_id",)
    records_jsonpath = "$.result[*]"
    schema: ClassVar[dict[str, Any]] = schema(CALLS.fields)
    _total = 0
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    @property
    def url_base(self) -> str:
        """Where the API is."""
        return str(self.config["endpoint"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """With the token that is given."""
        return BearerTokenAuthenticator(token=self.config["token"])

    def get_new_paginator(self) -> Pages:
        """From the first day on."""
        return Pages(lambda: self._total)

    def prepare_request_payload(self, context: Any, next_page_token: _Place | None) -> dict[str, str]:  # noqa: ARG002, ANN401  (the SDK's)
        """The form of one question."""
        assert next_page_token is not None  # noqa: S101  (there is a first day)
        day, offset = next_page_token
        return {**day, **PARTS, "count": str(PAGE), "offset": str(offset)}

    def parse_response(self, response: requests.Response) -> Iterator[dict[str, Any]]:
        """Its sessions; the paginator would have to parse it once more for the total."""
        answer = response.json()
        self._total = answer["total_count"]
        yield from answer["result"]


class VoximplantTap(Tap):
    """One stream."""

    name = "tap-voximplant"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {"endpoint": {"type": "string"}, "token": {"type": "string"}},
    }

    def discover_streams(self) -> list[Stream]:
        """The calls."""
        return [Calls(tap=self)]


def main() -> None:
    """Load all days."""
    endpoint, token, folder = arguments()
    (folder / "lake").mkdir(parents=True)
    batches = {
        "encoding": {"format": "parquet"},
        "storage": {"root": f"file://{folder}/lake"},
        "batch_size": _BATCH,
    }
    tap = VoximplantTap(config={"endpoint": endpoint, "token": token, "batch_config": batches})
    tap.sync_all()


if __name__ == "__main__":
    main()
