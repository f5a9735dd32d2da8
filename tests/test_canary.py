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
    "none": "",
    "a log line": "structlog.get_logger().info('sent', header=token)",
    "stderr": "print(f'Bearer {token}', file=sys.stderr)",
    "a file": "(tmp_path / 'ledger.sqlite').write_text(token)",
    "a key in a file": "(tmp_path / 'spool').write_text(PEM)",
    "a file that is gone": "path = tmp_path / 'x'; path.write_text(token); path.unlink()",
    "arguments": "subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.2)', token], check=True)",
    "output": "subprocess.run([sys.executable, '-c', code], capture_output=True, check=True)",
}
TEST = """
import subprocess, sys
import structlog
from harvester.api.auth import TokenSource
from tests.keys import CREDENTIALS, PEM

def test_leaks(tmp_path):
    token = str(TokenSource(CREDENTIALS, now=lambda: 1e9).token())
    code = "print('eyJhb' + 'GciOi')"
    {leak}
"""


@pytest.fixture(name="outside")
def _outside() -> Iterator[Path]:
    """A folder that the session's own canary does not look into."""
    folder = Path(tempfile.mkdtemp(prefix="canary-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_fails_the_session(outside: Path, leak: str) -> None:
    """The test itself passes; the session does not, and says where the secret was, without showing it."""
    (outside / "test_leak.py").write_text(TEST.format(leak=LEAKS[leak]))
    options = ["-q", "-p", "tests.canary", "-p", "no:cacheprovider", "--show-capture=no"]
    command = [sys.executable, "-m", "pytest", *options, "--basetemp", str(outside / "t"), str(outside)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own tests)
    assert done.returncode == (leak != "none"), done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert ("secrets got out" in done.stdout) == (leak != "none")


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
