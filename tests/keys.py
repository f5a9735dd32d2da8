"""One key pair for all tests: making one takes a tenth of a second."""

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harvester.api.credentials import Credentials

PRIVATE_KEY = generate_private_key(public_exponent=65537, key_size=2048)
PEM = PRIVATE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
CREDENTIALS = Credentials(account_id=20, key_id="key-1", private_key=PRIVATE_KEY, account_email="a@b.example")
