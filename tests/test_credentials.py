import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from harvester.api.credentials import load_credentials
from harvester.errors import CredentialsError
from tests.keys import PEM, PRIVATE_KEY

GOOD: dict[str, object] = {
    "account_email": "owner@company.example",
    "account_id": 1234567,
    "key_id": "a1b2c3d4-0000-1111-2222-333344445555",
    "private_key": PEM,
}
ENCRYPTED = PRIVATE_KEY.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
).decode()
PUBLIC = PRIVATE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
ELLIPTIC = (
    generate_ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)


def key_file(folder: Path, content: object, mode: int = 0o600) -> Path:
    """A key file with this content, as JSON unless it is bytes."""
    path = folder / "key.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    path.chmod(mode)
    return path


def test_the_vendors_file_is_read(tmp_path: Path) -> None:
    """A key file as the control panel makes it yields its four values and no warning."""
    credentials, warnings = load_credentials(key_file(tmp_path, GOOD))
    assert credentials.account_id == 1234567
    assert credentials.key_id == GOOD["key_id"]
    assert credentials.account_email == "owner@company.example"
    assert credentials.private_key.private_numbers() == PRIVATE_KEY.private_numbers()
    assert warnings == ()


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """Some editors put a mark before the text; the file is still good."""
    path = key_file(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert load_credentials(path)[0].account_id == 1234567


@pytest.mark.parametrize("email", [None, 7])
def test_the_address_may_be_missing(tmp_path: Path, email: object) -> None:
    """No request needs the account's address."""
    assert load_credentials(key_file(tmp_path, GOOD | {"account_email": email}))[0].account_email == ""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_open_earns_a_warning(tmp_path: Path, mode: int) -> None:
    """The warning names the command that repairs it."""
    path = key_file(tmp_path, GOOD, mode)
    assert load_credentials(path)[1] == (f"other users can open the key file: chmod 600 {path}",)


def test_the_key_does_not_show(tmp_path: Path) -> None:
    """The text form of credentials holds no part of the private key."""
    credentials, _ = load_credentials(key_file(tmp_path, GOOD))
    assert "private" not in repr(credentials)
    assert "RSA" not in repr(credentials)


def without(name: str) -> dict[str, object]:
    """A key file's content that lacks a field."""
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a JSON object"),
        (b'{"account_id": 1234567,', "is not a JSON object"),
        (b"\xff\xfe\x00", "is not a JSON object"),
        (b"[" * 60_000, "is not a JSON object"),
        ([GOOD], "is not a JSON object"),
        (b" " * 70_000, "is too large"),
        (without("account_id"), "lacks 'account_id'"),
        (without("key_id"), "lacks 'key_id'"),
        (without("private_key"), "lacks 'private_key'"),
        (GOOD | {"account_id": "1234567"}, "'account_id' is not a whole number"),
        (GOOD | {"account_id": True}, "'account_id' is not a whole number"),
        (GOOD | {"key_id": 5}, "'key_id' is not text"),
        (GOOD | {"private_key": None}, "'private_key' is not text"),
        (GOOD | {"private_key": PUBLIC}, "holds a public key"),
        (GOOD | {"private_key": ELLIPTIC}, "is not an RSA key"),
        (GOOD | {"private_key": ENCRYPTED}, "is encrypted with a password"),
        (GOOD | {"private_key": ""}, "is damaged"),
        (GOOD | {"private_key": "\ud800"}, "is damaged"),
        (GOOD | {"private_key": PEM.replace("A", "B", 9)}, "is damaged"),
        (GOOD | {"private_key": PEM[:400]}, "is damaged"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, content: object, reason: str) -> None:
    """The error names the file, what is wrong and what to do, and quotes nothing of the file."""
    path = key_file(tmp_path, content)
    with pytest.raises(CredentialsError) as caught:
        load_credentials(path)
    text = str(caught.value)
    assert reason in text
    assert str(path) in text
    assert "create a service account's key in the control panel" in text
    assert "\n" not in text
    assert "BEGIN" not in text
    assert "1234567" not in text
    context = caught.value.__cause__ or caught.value.__context__
    assert not isinstance(context, json.JSONDecodeError), "its doc attribute is the whole file"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The system's own words say why a file cannot be read."""
    with pytest.raises(CredentialsError, match="No such file or directory"):
        load_credentials(tmp_path / "none.json")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder is no key file."""
    with pytest.raises(CredentialsError, match="Is a directory"):
        load_credentials(tmp_path)
