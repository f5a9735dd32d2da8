"""The vendor's error codes that the emulator answers with. Its texts may differ: only codes decide."""

from enum import IntEnum


class Code(IntEnum):
    """A code of the vendor's table of errors."""

    AUTHORIZATION_FAILED = 100
    INVALID_ARGUMENTS = 101
    MISSING_CMD = 102
    UNKNOWN_COMMAND = 103
    FORBIDDEN_COMMAND = 104
    OUTPUT_FORMAT_IS_NOT_SUPPORTED = 105
    INVALID_APPLICATION_NAME = 107
    INVALID_DATE_FORMAT = 111
    INVALID_ACCOUNT_ID = 115
    INVALID_APPLICATION_ID = 116
    INVALID_USER_ID = 117
    INVALID_DATE_RANGE = 123
    ACCOUNT_ISNT_ACTIVATED = 131
    REQUIRED_IS_EMPTY = 134
    INVALID_CALL_SESSION_HISTORY_ID = 150
    INVALID_RULE_NAME = 156
    INVALID_CHILD_ACCOUNT_ID = 194
    INVALID_RECORD_ID = 261
    CONCURRENT_RESOURCE_LIMIT_EXCEEDED = 314
    RATE_LIMIT_EXCEED = 340
    RECORD_NOT_FOUND = 341
    INVALID_CALL_HISTORY_REPORT_ID = 355
    CALL_HISTORY_REPORT_IN_PROGRESS = 356
    CALL_HISTORY_REPORT_GENERATION_FAILED = 357
    INVALID_HISTORY_TYPE = 371
    INVALID_KEY_ID = 433
    INVALID_TOKEN_FORMAT = 447
    INVALID_TOKEN_TTL = 454
    TOKEN_ISSUED_IN_FUTURE = 455
    TOKEN_EXPIRED = 456
    ONLY_ONE_OF_PARAMETERS = 458
    FORBIDDEN_PARAMETER = 492
    INVALID = 496
    INVALID_RANGE = 497
    TOO_LONG = 499
    SAME_OPERATION_LIMIT = 515
    DATE_RANGE_LIMIT = 569


class Refusal(Exception):  # noqa: N818  (an answer of the API, not a failure of the emulator)
    """The API answers with an error envelope."""

    def __init__(self, code: int, message: str) -> None:
        """Keep what the envelope says."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
