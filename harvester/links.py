"""The files beside a history as data: which fields name them, and at which hosts of the vendor they lie.

Sources: the vendor's reference pages of ``CallSessionInfoType``, ``CallInfoType``, ``RecordType`` and
``DeleteRecord``; https://voximplant.com/docs/guides/managementapi/secureobjects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harvester.datasets import CALLS

__all__ = ["DELETE_METHOD", "DELETE_ROLES", "KINDS", "LINKS", "LOG", "RECORD", "TABLE", "TRANSCRIPT"]
__all__ += ["VENDOR_HOSTS", "Link"]

TABLE = "recordings"
"""The folder of the files and of their manifest in a lake; no dataset may take its name."""

VENDOR_HOSTS = (r"[a-z0-9-]+\.voximplant\.com",)
"""Hosts that may be shown a token, as patterns of the whole name.

Seen: ``storage-gw-ru-02.voximplant.com`` and ``storage-gw-us-01.voximplant.com``, in the reference's sample
and in answers. One label only: ``app.account.voximplant.com`` is named by a customer.
"""

RECORD, LOG, TRANSCRIPT = "record", "log", "transcript"
KINDS = (RECORD, LOG, TRANSCRIPT)

DELETE_METHOD = "DeleteRecord"
DELETE_ROLES = ("Owner", "Admin")


@dataclass(frozen=True, slots=True)
class Link:
    """A field that holds the URL of a file.

    Attributes:
        kind: One of ``KINDS``.
        field: The URL; in the elements of ``within``, or of the record itself.
        within: The list that holds it.
        number: The field beside it that holds the recording's id; if ``None``, the URL's own parameter
            ``record_id`` does, if anything does.
        progress: The field beside it that says how far the file is, and ``None`` if it has no such stages.
        final: What that field says when there will be no other file.
        promised: What it says when there is a file, so that a URL that is missing is still to come.
        by_number: Whether the URL wants the recording's id as the parameter ``record_id``.
    """

    kind: str
    field: str
    within: str | None = None
    number: str | None = None
    progress: str | None = None
    final: tuple[str | None, ...] = ()
    promised: tuple[str, ...] = ()
    by_number: bool = False

    @property
    def top(self) -> str:
        """The field of the record that holds it, at whatever depth."""
        return self.within or self.field


LINKS: Mapping[str, tuple[Link, ...]] = MappingProxyType(
    {
        CALLS.name: (
            # Before those of the calls, which name the same recordings and say less of them.
            Link(RECORD, "record_url", "records", number="record_id"),
            Link(
                TRANSCRIPT,
                "transcription_url",
                "records",
                number="record_id",
                progress="transcription_status",
                final=(None, "Complete", "Not required"),
                promised=("Complete",),
                by_number=True,  # "please add authorization parameters and record_id to it"
            ),
            Link(RECORD, "record_url", "calls"),
            Link(LOG, "log_file_url"),  # emptied by the vendor after a month
        )
    }
)
"""The links of each dataset that has some."""
