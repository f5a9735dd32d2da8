"""Commands set logging up for the process, and read its environment: neither may leak between tests."""

import os
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _clean_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("HARVESTER_", "VOXIMPLANT_", "_HARVESTER_")):
            monkeypatch.delenv(name)
    yield
    structlog.reset_defaults()
