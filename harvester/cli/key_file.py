"""The key file, as commands load it."""

from pathlib import Path

import structlog

from harvester.api.credentials import Credentials, load_credentials


def credentials_of(path: Path) -> Credentials:
    """Whose key it is; what is odd about the file is told.

    Raises:
        ConfigError: It is not the vendor's key file.
    """
    credentials, warnings = load_credentials(path)
    for warning in warnings:
        structlog.get_logger().warning(warning)
    return credentials
