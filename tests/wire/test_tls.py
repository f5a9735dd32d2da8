"""Handshakes that go wrong: no request is sent, nothing is downgraded, and it ends."""

import asyncio
import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from harvester.api.auth import TokenSource
from harvester.api.client import Client
from harvester.api.clock import Limits
from harvester.api.persistence import Meter
from harvester.api.transport import Transport
from harvester.errors import ConfigError, UnavailableError
from tests.asking import FORM, METHOD, Longest, now
from tests.keys import CREDENTIALS
from tests.wire.case import RECORD, answer
from tests.wire.server import Script, Visit, playing, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority no system trusts."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """Its certificate, for ``--ca-file``."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def client(transport: Transport, meter: Meter) -> Client:
    """A client with the defaults of a run."""
    tokens = TokenSource(CREDENTIALS, now=now)
    return Client(transport, tokens, rate=8, concurrency=4, random=Longest(), now=now, meter=meter)


async def ask(endpoint: str, ca_file: Path | None, meter: Meter) -> list[object]:
    """The records of one page."""
    async with Transport(endpoint, Limits(connections=4), ca_file=ca_file) as transport:
        return (await client(transport, meter).fetch(METHOD, FORM))[1].records


async def test_a_trusted_certificate_is_accepted(authority: trustme.CA, ca_file: Path) -> None:
    """With the CA named, TLS just works."""
    async with serving(playing(answer()), server_tls(authority.issue_cert("127.0.0.1"))) as (endpoint, _):
        assert await ask(endpoint, ca_file, Meter()) == [RECORD]


@pytest.mark.parametrize(
    ("host", "years", "reason"),
    [
        ("127.0.0.1", (2020, 2100), "unable to get local issuer certificate"),
        ("127.0.0.1", (2019, 2020), "certificate has expired"),
        ("127.0.0.1", (2099, 2100), "certificate is not yet valid"),
        ("other.example", (2020, 2100), "IP address mismatch"),
        ("*.0.0.1", (2020, 2100), "IP address mismatch"),
    ],
    ids=["unknown CA", "expired", "not yet valid", "wrong host", "wildcard for an address"],
)
async def test_an_untrusted_certificate_ends_the_run(
    authority: trustme.CA, ca_file: Path, host: str, years: tuple[int, int], reason: str
) -> None:
    """No other try makes it trustworthy: one handshake, no request, and the error says what helps."""
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
    certificate = authority.issue_cert(host, not_before=begin, not_after=end)
    meter = Meter()
    async with serving(playing(answer()), server_tls(certificate)) as (endpoint, visits):
        with pytest.raises(ConfigError, match=f"{reason}.*--ca-file"):
            await ask(endpoint, None if "issuer" in reason else ca_file, meter)
    assert meter.requests == 1
    assert all(visit.requests == [] for visit in visits)


async def test_a_certificate_that_signed_itself_is_not_trusted(ca_file: Path) -> None:
    """A CA of the same name is not the CA."""
    impostor = trustme.CA()
    async with serving(playing(answer()), server_tls(impostor.issue_cert("127.0.0.1"))) as (endpoint, visits):
        with pytest.raises(ConfigError, match="not trusted"):
            await ask(endpoint, ca_file, Meter())
    assert all(visit.requests == [] for visit in visits)


async def _cut(visit: Visit) -> None:
    await visit.reader.read(100)


async def _torn(visit: Visit) -> None:
    await visit.reader.read(100)
    await visit.send(b"\x16\x03\x03\x01\x00\x02")  # a server's hello, six bytes of it


async def _reset(visit: Visit) -> None:
    await visit.reader.read(100)
    visit.writer.transport.abort()


async def _refused(visit: Visit) -> None:
    await visit.reader.read(100)
    await visit.send(b"\x15\x03\x03\x00\x02\x02\x28")  # the alert "handshake failure"


async def _silent(visit: Visit) -> None:
    while await visit.reader.read(1000):
        pass


@pytest.mark.parametrize(
    "script",
    [_cut, _torn, _reset, _refused, _silent, playing(answer())],
    ids=["cut", "torn", "reset", "refused", "silent", "not TLS"],
)
async def test_a_handshake_that_fails_is_tried_again_and_not_for_ever(script: Script, ca_file: Path) -> None:
    """Eight handshakes and no token in the clear; then the run ends."""
    meter = Meter()
    async with serving(script) as (endpoint, visits):
        with pytest.raises(UnavailableError, match="failed 8 times"):
            await ask(endpoint.replace("http:", "https:"), ca_file, meter)
    assert meter.requests == len(visits) == 8
    assert all(visit.requests == [] for visit in visits)
    # Eight times ten seconds for a handshake, at most, and the delays between.
    assert asyncio.get_running_loop().time() <= 8 * 10 + 62


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
async def test_old_tls_is_refused(authority: trustme.CA, ca_file: Path, version: str) -> None:
    """A server that speaks nothing newer gets no request, by whatever the client offers."""
    tls = server_tls(authority.issue_cert("127.0.0.1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        tls.set_ciphers("ALL:@SECLEVEL=0")
        tls.minimum_version = ssl.TLSVersion.TLSv1
        tls.maximum_version = ssl.TLSVersion[version]
    meter = Meter()
    async with serving(playing(answer()), tls) as (endpoint, visits):
        with pytest.raises(UnavailableError, match="failed 8 times"):
            await ask(endpoint, ca_file, meter)
    assert meter.requests == 8
    assert all(visit.requests == [] for visit in visits)
