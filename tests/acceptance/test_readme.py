"""What the README shows works as it stands there."""

import re
from pathlib import Path

import pytest

from harvester.cli.main import main
from harvester.emulator import SyntheticAccount
from tests.acceptance.family import ACCOUNTS, histories, home
from tests.acceptance.harness import DAY, SPRING, bench
from tests.acceptance.process import served_process

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
OF_ACCOUNTS, *SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
(CONFIG_FILE,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["duckdb", "polars", "pandas"])
async def test_the_ways_to_read_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], snippet: str
) -> None:
    """DuckDB, Polars and pandas read the lake by the README's own lines."""
    async with bench(tmp_path, SyntheticAccount(500, SPRING - 3 * DAY, SPRING, seed=11)) as it:
        await it.harvest(SPRING - 3 * DAY, SPRING)
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, str(README), "exec"), {})  # noqa: S102  (our own README)
    assert capfd.readouterr().out


async def test_the_way_to_read_child_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A lake that keeps accounts apart is read by pandas, which says of each what it has on which day."""
    async with home(tmp_path, histories(records=60)) as it:
        await it.harvest()
    monkeypatch.chdir(tmp_path)
    exec(compile(OF_ACCOUNTS, str(README), "exec"), {})  # noqa: S102  (our own README)
    out = capfd.readouterr().out
    assert all(out.count(str(account.id)) == 1 for account in ACCOUNTS)
    assert out.count("2024-03-") >= 10


def test_the_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries it at the emulator, with its endpoint and key file, harvests by it."""
    (tmp_path / "harvester.toml").write_text(CONFIG_FILE)
    monkeypatch.chdir(tmp_path)
    with served_process(tmp_path / "emulator", "--sessions", "200") as served:
        assert main(["backfill", "--config", "harvester.toml", *served.options, "--quiet"]) == 0
    assert (tmp_path / "lake" / "_harvester").is_dir()
