"""``--accounts`` as a user has it: every command over a lake that keeps accounts apart."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.cli.exit_codes import ExitCode
from harvester.cli.main import main
from harvester.emulator import Behaviour, Emulator, Family, SyntheticAccount
from harvester.inspection import holdings
from harvester.window import as_text
from tests.acceptance.family import ACCOUNTS, CHILD, OTHER, PARENT
from tests.acceptance.process import Served, served_beside, served_process
from tests.keys import PRIVATE_KEY

pytestmark = pytest.mark.large

DAYS = ("--from", "2024-05-01", "--to", "2024-05-03")
START, END = 1_714_521_600, 1_714_694_400
ALL = ("--accounts", "all")
NOBODY = 4_714_477
NAMES = [f"calls/account_id={account.id}" for account in ACCOUNTS]


def emulator(start: int = START, *, left: frozenset[int] = frozenset(), **switches: Any) -> Emulator:
    """A parent and two children, less those that have left; two days of calls."""
    sizes = {one: size for one, size in {PARENT: 120, CHILD: 40, OTHER: 20}.items() if one not in left}
    span = (start, start + END - START)
    members = (SyntheticAccount(sizes[one], *span, seed=one, account_id=one) for one in sizes)
    return Emulator(Family(*members), Behaviour(**switches), private_key=PRIVATE_KEY)


def command(served: Served, folder: Path, *words: str) -> list[str]:
    """A command over the lake, at the emulator, without a budget."""
    return [*words, "--lake", str(folder / "lake"), *served.options, "--rate", "none", "--quiet"]


def told(text: str) -> Iterator[Any]:
    """The JSON objects that were printed, one after the other."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].strip()


def rows(folder: Path) -> dict[str, int]:
    """What the lake holds, by name."""
    return {item.name: item.rows for item in holdings(folder / "lake")}


def test_from_plan_to_sync(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command goes over all accounts, and says of which it speaks."""
    with served_process(tmp_path / "key", *DAYS, "--sessions", "120", "--children", "2") as served:
        assert main(command(served, tmp_path, "check", *ALL, "--json")) == ExitCode.COMPLETE
        checks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [check["name"] for check in checks] == NAMES
        assert all(finding["ok"] for check in checks for finding in check["findings"])
        assert main(command(served, tmp_path, "plan", *DAYS, *ALL, "--json")) == ExitCode.COMPLETE
        plans = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(plan["name"], plan["rows"]) for plan in plans] == list(
            zip(NAMES, (120, 30, 30), strict=True)
        )
        assert main(command(served, tmp_path, "backfill", *DAYS, *ALL, "--json")) == ExitCode.COMPLETE
        out = list(told(capsys.readouterr().out))
        assert [(one["name"], one["rows"]) for one in out] == list(zip(NAMES, (120, 30, 30), strict=True))
        asked = served.requests
        assert main(command(served, tmp_path, "backfill", *DAYS, *ALL)) == ExitCode.COMPLETE
        assert served.requests == asked + 1, "what is there is not asked for again; who there is, is"
        assert main(command(served, tmp_path, "verify", "--against-api", "--json")) == ExitCode.COMPLETE
        capsys.readouterr()
        assert main(command(served, tmp_path, "repair", "--children-by", "parameter")) == ExitCode.COMPLETE
        assert main(command(served, tmp_path, "sync", "--json")) == ExitCode.COMPLETE
        rounds = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
        assert [(one["name"], one["outcome"], one["refused"]) for one in rounds] == [
            (name, "complete", "") for name in NAMES
        ]
        assert main(["status", "--lake", str(tmp_path / "lake"), "--json"]) == ExitCode.COMPLETE
        held = json.loads(capsys.readouterr().out)
        assert [held[name]["identity"]["child"] for name in NAMES] == [False, True, True]
        assert (
            main(["verify", "--lake", str(tmp_path / "lake"), "--name", "calls", "--json"])
            == ExitCode.COMPLETE
        )
        assert [one["name"] for one in json.loads(capsys.readouterr().out)["datasets"]] == NAMES


def test_a_refused_child_is_told_by_name_and_by_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """3 and not 4, since the others are there; every command says so, until it is not refused any more."""
    served_by = emulator(refused_children=frozenset({CHILD}))
    with served_beside(tmp_path, served_by) as served:
        order = command(served, tmp_path, "backfill", *DAYS, *ALL)
        assert main([*order, "--json"]) == ExitCode.GAPS
        out = list(told(capsys.readouterr().out))
        assert [(one["name"], one["outcome"], one["rows"]) for one in out] == [
            (NAMES[0], "complete", 120),
            (NAMES[1], "gaps", 0),
            (NAMES[2], "complete", 20),
        ]
        assert f"account {CHILD} is refused" in out[1]["refused"]
        assert main(order) == ExitCode.GAPS
        assert f"account {CHILD} is refused" in " ".join(capsys.readouterr().out.split())
        assert main(command(served, tmp_path, "sync")) == ExitCode.GAPS
        assert main(command(served, tmp_path, "repair")) == ExitCode.GAPS
        assert main(command(served, tmp_path, "verify", "--against-api")) == ExitCode.GAPS
        assert rows(tmp_path) == dict(zip(NAMES, (120, 0, 20), strict=True))

        served_by.behaviour = Behaviour()
        assert main(command(served, tmp_path, "repair")) == ExitCode.COMPLETE
        assert main(command(served, tmp_path, "sync")) == ExitCode.COMPLETE
        assert main(order) == ExitCode.COMPLETE
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40, 20), strict=True))


@pytest.mark.parametrize("children_by", ["token", "parameter"])
def test_a_number_that_is_nobodys_is_told_and_not_remembered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], children_by: str
) -> None:
    """A mistyped one: 3, by name and with the reason; no later run asks for it, or finds it missing."""
    with served_beside(tmp_path, emulator()) as served:
        ids = ("--accounts", f"{PARENT},{NOBODY}", "--children-by", children_by)
        assert main(command(served, tmp_path, "backfill", *DAYS, *ids, "--json")) == ExitCode.GAPS
        own, mistyped = told(capsys.readouterr().out)
        assert (own["outcome"], mistyped["outcome"]) == ("complete", "gaps")
        assert f"account {NOBODY} is refused" in mistyped["refused"]
        assert "does not remember it" in mistyped["refused"]
        assert rows(tmp_path) == {NAMES[0]: 120}
        assert not list((tmp_path / "lake").rglob(f"*{NOBODY}*"))
        for name in ("verify", "repair", "sync"):
            assert main(command(served, tmp_path, name)) == ExitCode.COMPLETE
        assert main(command(served, tmp_path, "sync", *ids)) == ExitCode.GAPS
        assert f"account {NOBODY} is refused" in capsys.readouterr().out
        assert rows(tmp_path) == {NAMES[0]: 120}


def test_a_child_that_is_refused_later_is_told_by_sync(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it published stays; the others are brought up to date."""
    served_by = emulator()
    with served_beside(tmp_path, served_by) as served:
        assert main(command(served, tmp_path, "backfill", *DAYS, *ALL)) == ExitCode.COMPLETE
        served_by.behaviour = Behaviour(refused_children=frozenset({OTHER}))
        capsys.readouterr()
        assert main(command(served, tmp_path, "sync", "--json")) == ExitCode.GAPS
        rounds = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [one["outcome"] for one in rounds] == ["complete", "complete", "gaps"]
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40, 20), strict=True))


def test_the_parents_refusal_is_everybodys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its children are not even asked for: the same key signs for them."""
    options = ("--sessions", "60", "--children", "2", "--role", "Accountant")
    with served_process(tmp_path / "key", *DAYS, *options) as served:
        ids = ("--accounts", f"{OTHER},{PARENT},{CHILD}")
        assert main(command(served, tmp_path, "backfill", *DAYS, *ids)) == ExitCode.REFUSED
        assert capsys.readouterr().err.count("not asked for") == 2
        assert served.requests == 1
        assert main(command(served, tmp_path, "backfill", *DAYS, *ALL)) == ExitCode.REFUSED
        assert "GetChildrenAccounts needs the role Owner" in capsys.readouterr().err


def test_sync_takes_in_whoever_joined(tmp_path: Path) -> None:
    """An account that the lake does not hold is harvested as the others are, from when on they are."""
    with served_beside(tmp_path, emulator()) as served:
        own = ("--accounts", str(PARENT), "--partition", "month")
        assert main(command(served, tmp_path, "backfill", *DAYS, *own)) == ExitCode.COMPLETE
        assert rows(tmp_path) == {NAMES[0]: 120}
        assert main(command(served, tmp_path, "sync", "--accounts", str(PARENT))) == ExitCode.COMPLETE
        assert rows(tmp_path) == {NAMES[0]: 120}
        assert main(command(served, tmp_path, "sync", *ALL)) == ExitCode.COMPLETE
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40, 20), strict=True))
        held = holdings(tmp_path / "lake")
        assert {item.identity["partition"] for item in held} == {"month"}
        assert {item.coverage[0].start for item in held} == {START}


def test_sync_tells_of_a_child_that_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The API lists it no more, and the lake holds it: all are both; who is named is who is meant."""
    with served_beside(tmp_path, emulator()) as served:
        assert main(command(served, tmp_path, "backfill", *DAYS, *ALL)) == ExitCode.COMPLETE
    (tmp_path / "key.json").unlink()
    with served_beside(tmp_path, emulator(left=frozenset({OTHER}))) as served:
        capsys.readouterr()
        assert main(command(served, tmp_path, "sync", *ALL, "--json")) == ExitCode.GAPS
        rounds = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["name"], one["outcome"]) for one in rounds] == [
            (NAMES[0], "complete"),
            (NAMES[1], "complete"),
            (NAMES[2], "gaps"),
        ]
        assert f"account {OTHER} is refused" in rounds[2]["refused"]
        ids = ("--accounts", f"{PARENT},{CHILD}")
        assert main(command(served, tmp_path, "sync", *ids)) == ExitCode.COMPLETE
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40, 20), strict=True))


def test_a_lake_may_begin_with_sync(tmp_path: Path) -> None:
    """With all accounts of a dataset at once."""
    lately = int(time.time()) - 4 * 86_400
    with served_beside(tmp_path, emulator(lately)) as served:
        since = ("--from", as_text(lately).replace(" ", "T"))
        order = command(served, tmp_path, "sync", *ALL, "--dataset", "calls", *since)
        assert main(order) == ExitCode.COMPLETE
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40, 20), strict=True))
        together = command(served, tmp_path, "backfill", *DAYS, "--name", "sales")
        assert main(together) == ExitCode.USAGE


def test_sync_of_one_named_account_leaves_the_others_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody else is brought up to date, or joins, whomever ``--accounts`` means; it must mean that one."""
    with served_beside(tmp_path, emulator()) as served:
        held = ("--accounts", f"{PARENT},{CHILD}")
        assert main(command(served, tmp_path, "backfill", *DAYS, *held)) == ExitCode.COMPLETE
        capsys.readouterr()
        order = command(served, tmp_path, "sync", "--name", NAMES[1], "--json")
        assert main([*order, *ALL]) == ExitCode.COMPLETE
        assert [one["name"] for one in told(capsys.readouterr().out)] == [NAMES[1]]
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40), strict=False))
        assert main([*order, "--accounts", str(OTHER)]) == ExitCode.USAGE
        assert f"--accounts leaves out {NAMES[1]!r}" in capsys.readouterr().err
        assert rows(tmp_path) == dict(zip(NAMES, (120, 40), strict=False))
