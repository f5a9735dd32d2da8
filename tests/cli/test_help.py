import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from harvester.cli.config_file import COMMANDS

PROBE = """
import contextlib, io, json, sys
from harvester.cli.main import main
pages = {}
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as page:
        code = main([*([command] if command else []), "--help"])
    pages[command] = {"code": code, "text": page.getvalue()}
print(json.dumps({"pages": pages, "modules": sorted(sys.modules)}))
"""


@cache
def probe() -> dict[str, Any]:
    """The help of every command, and what a fresh interpreter had loaded when it had shown them all."""
    done = subprocess.run(  # noqa: S603  (this interpreter, our own code)
        [sys.executable, "-c", PROBE, json.dumps(["", *COMMANDS])], check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_help_has_examples(command: str) -> None:
    """Each page shows how to type the command, on lines of their own."""
    page = probe()["pages"][command]
    assert page["code"] == 0
    _, examples = page["text"].split("\n  Examples:\n")
    first = examples.splitlines()[0]
    assert first.startswith(("    harvester ", '    eval "$(harvester ', "    VOXIMPLANT_"))
    assert f"harvester {command}" in first


def test_the_help_of_backfill_tells_its_exit_codes() -> None:
    """Scripts need them."""
    text = " ".join(probe()["pages"]["backfill"]["text"].split())
    assert "0 complete and proven; 1 unexpected; 2 usage or configuration; 3 finished with gaps;" in text


def test_help_lists_every_command() -> None:
    """With the first sentence of each."""
    text = probe()["pages"][""]["text"]
    assert [name for name in COMMANDS if f"\n  {name} " in text] == list(COMMANDS)


@pytest.mark.parametrize("slow", ["pyarrow", "aiohttp", "rich", "structlog", "cryptography", "orjson"])
def test_help_waits_for_nothing_slow(slow: str) -> None:
    """What only a run needs is imported by runs."""
    assert slow not in probe()["modules"]
