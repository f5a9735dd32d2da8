"""Types, files and texts from which no secret gets out."""

import copy
import json
import pickle
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import jwt
import pytest

from harvester.api.auth import TokenSource
from harvester.config import Job
from harvester.datasets import CALLS
from harvester.errors import ConfigError
from harvester.number_key import NumberKey, load_number_key
from harvester.secret import Token, masked, printable
from harvester.window import Window
from tests.keys import CREDENTIALS, PEM, PRIVATE_KEY

KEY_TEXT = "5f3cbeef" * 8
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl-_x"
PRIME = str(PRIVATE_KEY.private_numbers().p)


def key_file(folder: Path, content: str, mode: int = 0o600) -> Path:
    """A key file of ``--hash-numbers``."""
    path = folder / "numbers.key"
    path.write_text(content)
    path.chmod(mode)
    return path


def job(key: NumberKey) -> Job:
    """A job that hashes numbers."""
    return Job(
        dataset=CALLS,
        name="calls",
        window=Window(0, 1),
        lake=Path("lake"),
        credentials=Path("key.json"),
        number_key=key,
    )


@pytest.mark.parametrize(
    "holder",
    [
        NumberKey(KEY_TEXT.encode()),
        job(NumberKey(KEY_TEXT.encode())),
        Token(JWT),
        {"headers": [Token(JWT)]},
        CREDENTIALS,
        TokenSource(CREDENTIALS, now=lambda: 1e9),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_text_form_and_no_copy_on_disk_shows_a_secret(holder: object) -> None:
    """Neither ``repr`` nor ``str`` nor an exception's arguments; and to pickle it is refused."""
    shown = repr(holder) + f"{[holder]}" + "".join(traceback.format_exception(ValueError([holder])))
    assert not any(part in shown for part in (KEY_TEXT, "eyJ", "BEGIN", PRIME))
    with pytest.raises(TypeError):
        pickle.dumps(holder)


def test_as_a_dict_a_key_still_does_not_show() -> None:
    """``asdict`` copies what a dataclass holds: the key stays the masked object that it is."""

    @dataclass
    class Holder:
        key: NumberKey

    plain = asdict(Holder(key := NumberKey(KEY_TEXT.encode())))
    assert plain["key"] is key
    assert copy.deepcopy(key) is copy.copy(key) is key
    assert KEY_TEXT not in repr(plain)
    assert PRIME not in repr(asdict(CREDENTIALS))


def test_a_token_is_its_text_where_it_is_sent() -> None:
    """In a header it is what was signed; as a value that somebody prints it is not."""
    token = TokenSource(CREDENTIALS, now=lambda: 1e9).token()
    assert f"Bearer {token}".startswith("Bearer eyJ")
    assert jwt.get_unverified_header(token)["kid"] == "key-1"
    assert repr(token) == "Token(secret)"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (f"a {JWT} b", "a (secret) b"),
        (PEM, "(secret)\n"),
        (PEM[: len(PEM) // 2], "(secret)"),
        (json.dumps({"private_key": PEM}), '{"private_key": "(secret)\\n"}'),
        (PEM.replace("PRIVATE", "RSA PRIVATE"), "(secret)\n"),
        ("/Ping?account_id=1&api_key=0b1c-22d&x=1", "/Ping?account_id=1&api_key=(secret)&x=1"),
        ('{"api_key": "0b1c-22d", "x": 1}', '{"api_key": "(secret)", "x": 1}'),
        (json.dumps('{"api_key":"0b1c"}'), json.dumps('{"api_key":"(secret)"}')),
        ("API_KEY = 0b1c-22d", "API_KEY = (secret)"),
        ("an api_key is not used", "an api_key is not used"),
        ("nothing here", "nothing here"),
    ],
)
def test_keys_and_tokens_are_masked_in_any_text(text: str, plain: str) -> None:
    """Whole or cut, with line ends as they are or escaped."""
    assert masked(text) == plain
    assert printable(text) == plain.replace("\n", " ")


def test_the_same_number_gives_the_same_hash(tmp_path: Path) -> None:
    """Across runs, and with an editor's line end behind the key; another key gives others."""
    key, warnings = load_number_key(key_file(tmp_path, KEY_TEXT))
    again, _ = load_number_key(key_file(tmp_path, KEY_TEXT + "\r\n"))
    assert warnings == ()
    assert key.hashed(b"79991234567") == again.hashed(b"79991234567") == "b079f8cab6c812dae86d600e42748246"
    assert (key == again, hash(key) == hash(again)) == (True, True)
    other = NumberKey(b"x" * 32)
    assert other != key
    assert other.hashed(b"79991234567") != key.hashed(b"79991234567")
    assert other.fingerprint != key.fingerprint


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_open_earns_a_warning(tmp_path: Path, mode: int) -> None:
    """It names the command that repairs it."""
    path = key_file(tmp_path, KEY_TEXT, mode)
    assert load_number_key(path)[1] == (f"other users can open the key file: chmod 600 {path}",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "holds 0"), ("x" * 31 + "\n", "holds 31"), ("x" * 4097, "holds more"), ("x" * 5000, "holds more")],
)
def test_what_is_no_key_is_refused_with_the_way_to_make_one(
    tmp_path: Path, content: str, reason: str
) -> None:
    """Too short a key could be guessed; too long a file was meant for something else."""
    with pytest.raises(ConfigError, match=f"{reason}; make one: .*openssl rand -hex 32"):
        load_number_key(key_file(tmp_path, content))


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    """In the system's words."""
    with pytest.raises(ConfigError, match=r"cannot read --hash-numbers .*: No such file"):
        load_number_key(tmp_path / "none")
