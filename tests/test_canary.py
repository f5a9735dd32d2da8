"""The canary sings: a secret that gets out on purpose fails the session, wherever it went."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harvester.api.auth import TokenSource
from tests.canary import Canary
from tests.keys import CREDENTIALS, PEM, PRIVATE_KEY

TOKEN = str(TokenSource(CREDENTIALS, now=lambda: 1e9).token())
DER = PRIVATE_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

LEAKS = {
    "a token in Captured stdout call of test_leak.py::test_0": "structlog.get_logger().warning(TOKEN)",
    "a token in Captured stderr call of test_leak.py::test_1": "print(f'Bearer {TOKEN}', file=sys.stderr)",
    "a token in {folder}/t/test_20/ledger.sqlite": "(tmp_path / 'ledger.sqlite').write_text(TOKEN)",
    "a private key in {folder}/t/test_30/spool": "(tmp_path / 'spool').write_text(PEM)",
    "a token in {folder}/t/test_40/x": "path = tmp_path / 'x'; path.write_text(TOKEN); path.unlink()",
    "a token in arguments of process": "run([sys.executable, '-c', '', TOKEN])",
    "a token in environment of process": "run([sys.executable, '-c', ''], env={'X': TOKEN})",
    "a token in output of process": "run([sys.executable, '-c', CODE], capture_output=True)",
}
NO_LEAK = "(tmp_path / 'key.json').write_text(PEM)"
TEST = """
import sys
from subprocess import run

import structlog
from harvester.api.auth import TokenSource
from tests.keys import CREDENTIALS, PEM

TOKEN = str(TokenSource(CREDENTIALS, now=lambda: 1e9).token())
CODE = "print('eyJhb' + 'GciOi')"
"""


@pytest.fixture(name="outside")
def _outside() -> Iterator[Path]:
    """A folder that the session's own canary does not look into."""
    folder = Path(tempfile.mkdtemp(prefix="canary-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("leaks", [LEAKS, {"": NO_LEAK}], ids=["leaks", "none"])
def test_a_leak_fails_the_session(outside: Path, leaks: dict[str, str]) -> None:
    """The tests themselves pass; the session does not, and says where the secret was, without showing it."""
    tests = [f"def test_{number}(tmp_path):\n    {leak}\n" for number, leak in enumerate(leaks.values())]
    (outside / "test_leak.py").write_text("\n\n".join([TEST, *tests]))
    options = ["-q", "-p", "tests.canary", "-p", "no:cacheprovider", "--show-capture=no"]
    folders = ["--rootdir", str(outside), "--basetemp", str(outside / "t"), str(outside)]
    command = [sys.executable, "-m", "pytest", *options, *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own tests)
    assert done.returncode == (leaks is LEAKS), done.stdout + done.stderr
    assert f"{len(leaks)} passed" in done.stdout
    assert ("secrets got out" in done.stdout) == (leaks is LEAKS)
    assert [place for place in leaks if place.format(folder=outside) not in done.stdout] == []


def test_it_finds_a_secret_in_every_kind_of_file(outside: Path) -> None:
    """Across the border of two pieces, in a page of a database, behind a column's compression, in binary."""
    border = b"x" * ((1 << 20) - 5) + TOKEN.encode()
    (outside / "border").write_bytes(border)
    (outside / "key.pem").write_text(PEM)
    (outside / "key.der").write_bytes(DER)
    with sqlite3.connect(outside / "ledger.sqlite") as ledger:
        ledger.execute("CREATE TABLE run AS SELECT ? AS summary", (TOKEN,))
    ledger.close()
    table = pa.table({"calls": [[{"custom_data": text}] for text in ["a" * 400, TOKEN]]})
    pq.write_table(table, outside / "calls.parquet", compression="zstd")
    (outside / "key-7.json").write_text(PEM)
    (outside / "fine").write_text("eyJ")
    canary = Canary()
    canary.sweep(outside)
    found = {hit.rpartition("/")[2] for hit in canary.hits}
    assert found == {"border", "key.pem", "key.der", "ledger.sqlite", "calls.parquet"}
