"""The commands as a user meets them: what they print, what they ask for, and how they end."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from harvester import notation
from harvester.cli.main import main
from harvester.emulator import Behaviour, Emulator, Fault, Faults, SyntheticAccount
from tests.acceptance.process import Served, served_beside, served_process

RANGE = ["--from", "2024-01-01", "--to", "2024-01-03"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An emulator in its own process, for the whole module."""
    folder = tmp_path_factory.mktemp("emulator")
    with served_process(folder, "--sessions", "6000", "--to", "2024-01-04") as it:
        yield it


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOXIMPLANT_CREDENTIALS", raising=False)


def test_the_way_of_a_new_user(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Check, plan, backfill, again, status: each says what it did, and a second backfill asks for nothing."""
    lake = ["--lake", str(tmp_path / "lake"), *served.options]
    assert main(["check", *lake]) == 0
    assert "✗" not in capsys.readouterr().out
    assert main(["plan", *RANGE, *lake, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["asked"] == 1
    assert main(["backfill", *RANGE, *lake, "--rate", "none", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["outcome"] == "complete"
    assert report["rows"] == plan["rows"]
    assert abs(report["requests"] - plan["requests"]) <= 2
    asked = served.requests
    assert main(["backfill", *RANGE, *lake]) == 0
    assert "asked for nothing" in capsys.readouterr().out
    assert main(["plan", *RANGE, *lake]) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert served.requests == asked
    assert main(["status", "--lake", str(tmp_path / "lake"), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)["calls"]
    assert status["rows"] == report["rows"]
    assert status["coverage"] == [{"from": "2024-01-01 00:00:00", "to": "2024-01-03 00:00:00"}]
    assert main(["status", "--lake", str(tmp_path / "lake")]) == 0
    assert "covered  [2024-01-01 00:00:00, 2024-01-03 00:00:00)" in capsys.readouterr().out


def test_verify_and_repair(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound lake passes; a file that is gone is named, known to status, mended, and sound again."""
    lake = ["--lake", str(tmp_path / "lake")]
    api = [*served.options, "--rate", "none"]
    assert main(["backfill", *RANGE, *lake, *api]) == 0
    capsys.readouterr()
    assert main(["verify", *lake]) == 0
    assert "2 files" in capsys.readouterr().out
    (tmp_path / "lake" / "calls" / "date=2024-01-02" / "calls-2024-01-02.parquet").unlink()
    assert main(["verify", *lake, "--quiet"]) == 3
    told = capsys.readouterr().out
    assert "calls-2024-01-02.parquet: the file is not there" in told
    assert "harvester repair reads anew" in told
    assert main(["status", *lake]) == 0
    assert "suspect  [2024-01-02 00:00:00, 2024-01-03 00:00:00)" in capsys.readouterr().out
    assert main(["repair", *lake, *api]) == 0
    assert "Complete, and proven" in capsys.readouterr().out
    assert main(["verify", *lake, "--against-api", *api]) == 0
    assert "0 differ" in capsys.readouterr().out
    assert main(["verify", *lake, "--against-api", *api, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["datasets"]
    assert (result["sound"], len(result["counts"]), result["findings"]) == (True, 2, [])
    assert main(["repair", *lake, *api, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gaps"] == []


def test_a_file_that_nobody_published_is_nothing_to_repair(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verify counts it apart and does not send for repair, which says that it could read nothing anew."""
    lake = ["--lake", str(tmp_path / "lake")]
    assert main(["backfill", *RANGE, *lake, *served.options, "--rate", "none"]) == 0
    (tmp_path / "lake" / "calls" / "mine.parquet").write_bytes(b"")
    capsys.readouterr()
    assert main(["verify", *lake]) == 3
    told = capsys.readouterr().out
    assert "calls/mine.parquet: " in told
    assert "; 0 of them wrong, 0 gaps; 1 foreign files beside them" in told
    assert "repair" not in told
    assert main(["repair", *lake, *served.options]) == 0
    assert "verify has found nothing that can be read anew" in capsys.readouterr().out


@pytest.mark.large
def test_a_gap_is_told_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """P10: backfill and repair end with 3 as long as something is not proven, let through or not."""
    day = notation.span("2024-01-01", "2024-01-03")
    faults = Faults((Fault("wrong_total", share=1.0),))
    emulator = Emulator(SyntheticAccount(60, day.start, day.end), Behaviour(), faults)
    with served_beside(tmp_path, emulator) as it:
        lake = ["--lake", str(tmp_path / "lake"), *it.options, "--rate", "none"]
        assert main(["backfill", *RANGE, *lake]) == 3
        assert "Finished with gaps" in capsys.readouterr().out
        assert main(["backfill", *RANGE, *lake, "--allow-gaps"]) == 3
        assert main(["repair", *lake]) == 3
        emulator.faults = Faults()
        assert main(["repair", *lake]) == 0
        assert "Complete, and proven" in capsys.readouterr().out


def test_verify_shows_what_the_api_says(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lake of another range than its ledger says: the counts differ, and both figures are shown."""
    lake = ["--lake", str(tmp_path / "lake")]
    api = [*served.options, "--rate", "none"]
    assert main(["backfill", *RANGE, *lake, *api, "--application-id", "10733204"]) == 0
    with sqlite3.connect(tmp_path / "lake" / "_harvester" / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE dataset SET identity = replace(identity, '10733204', '10733205')")
    ledger.close()
    capsys.readouterr()
    assert main(["verify", *lake, "--against-api", *api]) == 3
    told = capsys.readouterr().out
    assert "harvester.identity" in told
    assert main(["verify", *lake, "--against-api", *api, "--json"]) == 3
    (result,) = json.loads(capsys.readouterr().out)["datasets"]
    assert [finding["seconds"] for finding in result["findings"]] == [
        [{"from": "2024-01-01 00:00:00", "to": "2024-01-02 00:00:00"}],
        [{"from": "2024-01-02 00:00:00", "to": "2024-01-03 00:00:00"}],
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "2024-01-03", "--to", "2024-01-01"], "the range is reversed"),
        (["--from", "2024-01-03", "--to", "2024-01-03"], "the range is empty"),
        (["--from", "2100-01-01", "--to", "2100-02-01"], "lies in the future"),
        (["--from", "yesterday", "--to", "2024-01-03"], "is no date"),
        ([*RANGE, "--rate", "0"], "--rate"),
        ([*RANGE, "--concurrency", "0"], "--concurrency"),
        ([*RANGE, "--processes", "0"], "--processes"),
        ([*RANGE, "--processes", "9"], "--concurrency 8"),
        ([*RANGE, "--processes", "2", "--dataset", "brief_calls"], "--processes 2"),
        ([*RANGE, "--settle", "soon"], "is not a duration"),
        ([*RANGE, "--rule-name", "incoming"], "--application-id"),
        ([*RANGE, "--name", "../calls"], "--name"),
        ([*RANGE, "--endpoint", "http://example.com"], "https"),
        ([*RANGE, "--application-id", "999999"], "code 116"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sentence: str,
) -> None:
    """Exit 2, what is wrong, no traceback; the API is asked only where it alone can know."""
    asked = served.requests
    assert main(["backfill", "--lake", str(tmp_path / "lake"), *served.options, *options]) == 2
    text = capsys.readouterr().err
    assert sentence in text
    assert "Traceback" not in text
    assert served.requests == asked + ("code" in sentence)


def _key(served: Served, folder: Path, **changes: object) -> Path:
    content = json.loads(served.credentials.read_text()) | changes
    path = folder / f"key-{'-'.join(changes)}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    return path


def _public(served: Served) -> str:
    pem = json.loads(served.credentials.read_text())["private_key"]
    key = load_pem_private_key(pem.encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_unusable_key_files(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key file that is missing, broken, incomplete or public ends the run before it asks."""
    asked = served.requests
    broken = tmp_path / "broken.json"
    broken.write_text("not json")
    for path, sentence in (
        (tmp_path / "none.json", "cannot read"),
        (broken, "not a JSON object"),
        (_key(served, tmp_path, key_id=None), "lacks 'key_id'"),
        (_key(served, tmp_path, private_key=_public(served)), "public key"),
    ):
        lake = ["--lake", str(tmp_path / "lake"), "--endpoint", served.endpoint, "--credentials", str(path)]
        assert main(["backfill", *RANGE, *lake]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["backfill", *RANGE, "--lake", str(tmp_path / "lake")]) == 2
    assert "VOXIMPLANT_CREDENTIALS" in capsys.readouterr().err
    assert served.requests == asked


def test_a_key_open_to_others_is_a_warning(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run goes on, and says how to close the file."""
    path = _key(served, tmp_path)
    path.chmod(0o644)
    lake = ["--lake", str(tmp_path / "lake"), "--endpoint", served.endpoint, "--credentials", str(path)]
    assert main(["backfill", *RANGE, *lake, "--rate", "none"]) == 0
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"key_id": "00000000-0000-0000-0000-000000000000"}, 433), ({"account_id": 1}, 100)],
)
def test_refused_by_the_api(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], code: int
) -> None:
    """An unknown key or account is exit 4, with the vendor's code and the remedy."""
    path = _key(served, tmp_path, **changes)
    lake = ["--lake", str(tmp_path / "lake"), "--endpoint", served.endpoint, "--credentials", str(path)]
    assert main(["backfill", *RANGE, *lake]) == 4
    assert f"code {code}" in capsys.readouterr().err or code == 100
    assert main(["check", *lake]) == 4
    assert "✗ token and role" in capsys.readouterr().out


def test_a_role_that_may_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key whose role lacks the method is exit 4, and the roles that have it are named."""
    with served_process(tmp_path / "emulator", "--role", "Accountant", "--sessions", "10") as it:
        assert main(["backfill", *RANGE, "--lake", str(tmp_path / "lake"), *it.options]) == 4
        text = capsys.readouterr().err
        assert "code 104" in text
        assert "Supervisor" in text


@pytest.mark.large
def test_reports_that_take_a_while(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The emulator's reports may be slow, and the first ones may fail: another is ordered, and waited for."""
    slow = ("--sessions", "50", "--to", "2024-01-03", "--report-seconds", "1", "--failing-reports", "1")
    order = ["backfill", *RANGE, "--lake", str(tmp_path / "lake"), "--dataset", "brief_calls", "--json"]
    with served_process(tmp_path / "emulator", *slow) as it:
        assert main([*order, *it.options, "--rate", "none"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["outcome"], report["rows"], report["reports"]) == ("complete", 50, 2)


def test_a_lake_keeps_what_its_datasets_are(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other filters, switches or partitions are refused under the same name, and welcome under another.

    Which status can be asked for alone.
    """
    lake = ["--lake", str(tmp_path / "lake"), *served.options, "--rate", "none"]
    assert main(["backfill", *RANGE, *lake]) == 0
    for other in (["--no-calls"], ["--partition", "month"], ["--custom-data", "vip"]):
        assert main(["backfill", *RANGE, *lake, *other]) == 2
        assert "another --name" in capsys.readouterr().err
    assert main(["backfill", *RANGE, *lake, "--no-calls", "--name", "lean"]) == 0
    capsys.readouterr()
    assert main(["status", *lake[:2], "--name", "lean", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["lean"]
    assert main(["status", *lake[:2], "--name", "fat"]) == 2
    assert "no dataset 'fat', only: calls, lean" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "lake" / "calls")


def test_another_account_is_refused(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lake belongs to the account of its first run."""
    lake = ["--lake", str(tmp_path / "lake"), "--endpoint", served.endpoint, "--rate", "none"]
    assert main(["backfill", *RANGE, *lake, "--credentials", str(served.credentials)]) == 0
    other = _key(served, tmp_path, account_id=5)
    asked = served.requests
    assert main(["backfill", *RANGE, *lake, "--credentials", str(other)]) == 2
    assert "this lake holds account" in capsys.readouterr().err
    assert served.requests == asked


def test_an_unwritable_lake(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lake that is a file, or lies below one, is refused before the first request."""
    (tmp_path / "file").write_text("")
    asked = served.requests
    assert main(["backfill", *RANGE, "--lake", str(tmp_path / "file"), *served.options]) == 2
    assert "--lake" in capsys.readouterr().err
    assert main(["check", "--lake", str(tmp_path / "file" / "lake"), *served.options]) == 2
    assert "✗ lake" in capsys.readouterr().out
    assert served.requests == asked + 1
    assert main(["status", "--lake", str(tmp_path / "none")]) == 2
