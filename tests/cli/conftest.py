"""Commands read the environment of the process, which is not the tests'."""

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HARVESTER_", "VOXIMPLANT_", "_HARVESTER_")):
            monkeypatch.delenv(name)
