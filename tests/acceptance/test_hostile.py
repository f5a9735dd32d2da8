"""Records of a hostile API: they steer no path, and cost their neighbours nothing."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.datasets import CALLS, Kind
from harvester.emulator import ListedAccount
from harvester.lake.layout import Granularity, Layout, partition_at
from harvester.window import as_text
from tests.acceptance.harness import DAY, SPRING, bench
from tests.acceptance.oracle import exact
from tests.test_decode import DECODER, page, sample, with_value
from tests.test_decode_anything import STEADY

pytestmark = pytest.mark.large

PATHS = [
    "../../../stolen",
    "/etc/passwd",
    "..\\..\\stolen",
    "a\0b",
    "CON",
    "date=2024-01-01",
    "%2e%2e%2f",
    "x" * 300,
    "\u202egpj.exe",
    ". ",
    "",
]


async def test_hostile_texts_steer_no_path(tmp_path: Path) -> None:
    """Whatever the texts of records say, there are the files that their dates say, and no others."""
    texts = [field.name for field in CALLS.fields if field.kind is Kind.TEXT]
    records = [
        {CALLS.key: row + 1, CALLS.time_field: as_text(SPRING + row * 60)} | dict.fromkeys(texts, text)
        for row, text in enumerate(PATHS)
    ]
    account = ListedAccount(records)
    async with bench(tmp_path, account) as it:
        report = await it.harvest(SPRING, SPRING + DAY)
        assert (report.outcome, report.rows, report.quarantined) == ("complete", len(PATHS), 0)
        assert it.verdict(SPRING, SPRING + DAY) == exact(len(PATHS))
    assert _files(tmp_path) == {
        "key.json",
        "lake/_harvester/ledger.sqlite",
        "lake/_harvester/lock",
        "lake/calls/date=2024-04-01/calls-2024-04-01.parquet",
    }


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("granularity", Granularity)
@STEADY
@given(
    text=st.sampled_from(PATHS)
    | st.text(max_size=20)
    | st.from_regex(r"[0-9./-]{10} [0-9:./]{8}", fullmatch=True)
)
def test_a_date_is_a_date_or_in_quarantine(granularity: Granularity, text: str) -> None:
    """A path is made of a second that was read as one, never of what the record says."""
    record = sample(start_date=text)
    raw = with_value("start_date", orjson.dumps(text))
    result = DECODER.decode([record], page(raw))
    for moment in result.batch[CALLS.time_field].to_pylist():
        layout = Layout(Path("/lake"), "calls")
        path = layout.file(partition_at(granularity, int(moment.timestamp())))
        assert path.is_relative_to(layout.folder())
        assert ".." not in path.parts
        assert moment.strftime("%Y-%m") in str(path)
    assert result.batch.num_rows + len(result.quarantined) == 1
