"""A hostile API: every fault is waited out, noticed or named, and none reaches the lake."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harvester.emulator import Fault, Faults, SyntheticAccount
from harvester.errors import HarvestError, RefusedError, ZoneError
from tests.acceptance.harness import DAY, SPRING, small_bench
from tests.acceptance.oracle import exact

pytestmark = pytest.mark.large

START, END = SPRING - 6 * DAY, SPRING


def _account() -> SyntheticAccount:
    return SyntheticAccount(1_300, START, END, seed=12)


@pytest.mark.parametrize(
    "kind",
    [
        "http_500",
        "http_503",
        "http_429",
        "html_200",
        "empty_200",
        "reset",
        "cut_body",
        "cut_json",
        "missing_total",
        "wrong_total",
        "text_total",
        "wrong_count",
        "missing_result",
        "repeated_record",
        "dropped_record",
        "insert_while_paging",
        "remove_while_paging",
    ],
)
async def test_passing_faults_cost_time_and_nothing_else(tmp_path: Path, kind: str) -> None:
    """Faults in a tenth of the answers are noticed, and what they touched is asked for again."""
    async with small_bench(tmp_path, _account(), faults=Faults((Fault(kind, share=0.1),), seed=1)) as it:
        report = await it.harvest(START, END)
        assert (report.outcome, report.rows) == ("complete", it.account.total)
        assert it.verdict(START, END) == exact(it.account.total)


async def test_every_passing_fault_together(tmp_path: Path) -> None:
    """A little of everything still ends in a complete lake."""
    kinds = ("http_503", "html_200", "reset", "cut_body", "cut_json", "wrong_total", "dropped_record")
    faults = Faults(tuple(Fault(kind, share=0.02) for kind in kinds), seed=2)
    async with small_bench(tmp_path, _account(), faults=faults) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert it.verdict(START, END) == exact(it.account.total)


async def test_unknown_fields_are_kept_and_named(tmp_path: Path) -> None:
    """Keys without a column land in ``extra``; the columns stay, and the report names the keys."""
    async with small_bench(tmp_path, _account(), faults=Faults((Fault("unknown_field", share=1.0),))) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert report.unknown
        assert it.verdict(START, END) == exact(it.account.total)
        table = pq.read_table(tmp_path / "lake" / "calls", columns=["extra"])
        assert all(json.loads(text) for text in table["extra"].to_pylist())


@pytest.mark.parametrize("kind", ["wrong_type", "huge_integer"])
async def test_records_that_do_not_fit_go_to_quarantine(tmp_path: Path, kind: str) -> None:
    """They are kept with their bytes and the reason, counted, and cost their neighbours nothing."""
    async with small_bench(tmp_path, _account(), faults=Faults((Fault(kind, share=0.3),), seed=3)) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "complete"
        assert report.quarantined > 0
        assert report.rows + report.quarantined == it.account.total
        folder = tmp_path / "lake" / "_harvester" / "quarantine" / "calls"
        lines = [json.loads(line) for path in folder.iterdir() for line in path.read_text().splitlines()]
        assert len(lines) == report.quarantined
        assert all("duration" in line["reason"] and json.loads(line["text"]) for line in lines)
        verdict = it.verdict(START, END)
        assert (verdict.missing, verdict.surplus) == (report.quarantined, 0)


@pytest.mark.parametrize("kind", ["missing_total", "text_total", "wrong_count", "html_200"])
async def test_an_api_that_never_makes_sense(tmp_path: Path, kind: str) -> None:
    """Nothing is published and success is not claimed, when no answer can be proven."""
    async with small_bench(tmp_path, _account(), faults=Faults((Fault(kind, share=1.0),))) as it:
        try:
            report = await it.harvest(START, END)
        except* HarvestError:
            pass
        else:
            assert report.outcome == "gaps"
        assert not list((tmp_path / "lake").rglob("*.parquet"))


async def test_a_total_that_is_always_wrong(tmp_path: Path) -> None:
    """One too many everywhere: differences of totals still prove what they prove, the rest is a gap."""
    async with small_bench(tmp_path, _account(), faults=Faults((Fault("wrong_total", share=1.0),))) as it:
        report = await it.harvest(START, END)
        assert report.outcome == "gaps"
        verdict = it.verdict(START, END)
        assert (verdict.surplus, verdict.doubled) == (0, 0)
        assert 0 < verdict.missing == it.account.total - verdict.rows


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("other_timezone", share=1.0), ZoneError),
        (Fault("error_code", share=1.0, code=104), RefusedError),
        (Fault("redirect", share=1.0), HarvestError),
    ],
    ids=["zone", "role", "redirect"],
)
async def test_what_no_repetition_mends_ends_the_run_at_once(
    tmp_path: Path, fault: Fault, error: type[HarvestError]
) -> None:
    """Another time zone, a lost role or a redirect is not asked for again."""
    async with small_bench(tmp_path, _account(), faults=Faults((fault,))) as it:
        with pytest.RaisesGroup(error, allow_unwrapped=True, flatten_subgroups=True):
            await it.harvest(START, END)
        assert len(it.emulator.requests) == 1
