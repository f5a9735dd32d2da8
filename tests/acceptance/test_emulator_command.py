"""``harvester emulator`` as a user meets it, who mistypes an option."""

import socket
from collections.abc import Iterator

import pytest

from harvester.cli.main import main


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    """One that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["--sessions", "-5"], "-5 is not in the range x>=0"),
        (["--sessions", "1000000000"], "cannot place 1000000000 sessions"),
        (["--latency", "-1"], "-1.0 is not in the range 0<=x<=86400"),
        (["--limit", "0"], "0 is not in the range x>=1"),
        (["--report-seconds", "-1"], "-1.0 is not in the range 0<=x<=86400"),
        (["--failing-reports", "-1"], "-1 is not in the range x>=0"),
        (["--role", "Bogus"], "'Bogus' is not one of 'Owner', 'Admin', 'Developer'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    """Usage, in a sentence, and no traceback: nothing is served that was not meant."""
    assert main(["emulator", *options]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_refused(capsys: pytest.CaptureFixture[str], port: int) -> None:
    """Running it again would not help; leaving the port out would."""
    assert main(["emulator", "--sessions", "10", "--port", str(port)]) == 2
    expected = (
        f"harvester: --port {port} is not to be had (Address already in use); leave it out for any free one\n"
    )
    assert capsys.readouterr().err == expected
