"""``sync`` after a round that failed: what it left passes for no news, and what it owed is made up for."""

from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest

from harvester.api.credentials import load_credentials
from harvester.errors import LakeError, UnavailableError
from harvester.harvest import Backfill
from harvester.lake.catalog import Catalog
from tests.acceptance.harness import SPRING
from tests.acceptance.living import Living
from tests.acceptance.oracle import exact
from tests.acceptance.syncing import BEGINS, HOUR, SPAN, each, passing, watched

pytestmark = pytest.mark.large


async def test_answers_of_a_killed_round_do_not_pass_for_those_of_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read anew and not published is read anew again: days may lie between."""
    late = Living(1, BEGINS - 3 * HOUR, costed=BEGINS + 20 * HOUR)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        await it.once(it.job(SPRING))

        def refuse(*_: object) -> None:
            raise OSError(ENOSPC, "No space left on device")

        await passing(1)
        with monkeypatch.context() as patch:
            patch.setattr(Catalog, "intend", refuse)
            with pytest.raises(OSError, match="No space left"):
                await it.once(it.job(SPRING))
        await passing(40)
        await it.once(it.job(SPRING))
        await passing(1)
        await it.once(it.job(SPRING))
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_round_that_failed_before_it_counted_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moved the end of what is covered, and looked back at nothing: the next one does, days later."""
    late = Living(1, BEGINS - 5 * HOUR, appears=BEGINS + HOUR)
    account = each(1_800, late)
    async with watched(tmp_path, account, BEGINS) as it:
        job = replace(it.job(SPRING), window=SPAN)
        await Backfill(job, load_credentials(it.folder / "key.json")[0], now=it.now).run()
        await passing(5 * 24)

        async def refuse(*_: object, **__: object) -> None:
            raise UnavailableError("the API is away")

        with monkeypatch.context() as patch:
            patch.setattr("harvester.sync.recount", refuse)
            with pytest.raises(UnavailableError):
                await it.once(it.job(SPRING))
        await passing(5 * 24)
        done = await it.once(it.job(SPRING))
        assert len(done.changed) == 1
        assert it.verdict(SPAN) == exact(account.total)


async def test_a_damaged_file_is_said_with_its_remedy(tmp_path: Path) -> None:
    """It is not passed over: nobody could say what of it is unfinished."""
    async with watched(tmp_path, each(1_800), BEGINS) as it:
        await it.once(it.job(SPRING))
        for path in sorted((tmp_path / "lake" / "calls").rglob("*.parquet"))[-1:]:
            path.write_bytes(b"PAR1" + path.read_bytes()[4:-8] + b"\0" * 8)
        await passing(3)
        with pytest.raises(LakeError, match=r"is damaged or gone; harvester verify and repair mend it$"):
            await it.once(it.job(SPRING))
