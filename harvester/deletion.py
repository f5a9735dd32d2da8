"""Having the vendor delete what is proven on disk: looked at again, written down, asked, written down."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harvester.api.client import Client
from harvester.errors import HarvestError, RefusedError, RequestError
from harvester.lake.attachments import Attachment, Day
from harvester.lake.audit import ABSENT, DELETED, INTENT, REFUSED, UNKNOWN, Audit
from harvester.lake.database import Database
from harvester.lake.folders import sync_file, sync_folders
from harvester.lake.manifest import FAILED, STORED, Entries, Entry
from harvester.lake.partial import Proof, proof_of
from harvester.links import DELETE_METHOD, DELETE_ROLES, RECORD, TRANSCRIPT
from harvester.tally import Tally

_ABSENT = {261, 341}  # INVALID_RECORD_ID, RECORD_NOT_FOUND
_FORBIDDEN = 104


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Deletes at the vendor, never in the lake.

    Attributes:
        root: The lake.
        database: The ledger, which knows who owns the lake.
        audit: What was deleted, durable.
        client: Asks the API; ``None`` if nothing is to be deleted.
        tally: Counts.
        now: Gives Unix time.
        account_id: Whose recordings they are, if accounts are kept apart.
    """

    root: Path
    database: Database
    audit: Audit
    client: Client | None
    tally: Tally
    now: Callable[[], float]
    account_id: int | None = None

    async def delete(self, day: Day, known: Entries) -> None:
        """Have the recordings of a day deleted whose files, transcripts included, are on disk.

        Raises:
            RefusedError: The key may not delete.
            UnavailableError: The API cannot be reached; whether the last one was deleted is unknown, and the
                audit says so.
            OSError: The disk refuses it.
        """
        synced: set[Path] = set()
        for item in day.attachments:
            entry = known.get(item.identity)
            if not item.listed or entry is None or entry.status != STORED or entry.deleted_at is not None:
                continue
            reason = _reason_to_spare(item, day, known)
            if reason:
                self.tally.spared.append((entry, reason))
            elif self.client is None:
                self.tally.deletable += 1
                self.tally.deletable_bytes += entry.bytes or 0
            elif await self._is_proven(item, known, synced):
                along = [other for other in _belonging(item, known) if other.identity != entry.identity]
                await self._ask(self.client, entry, along)
                self.audit.mark(known, self.account_id)

    async def _is_proven(self, item: Attachment, known: Entries, synced: set[Path]) -> bool:
        """Read the files of a recording once more; what is not as it was is to be fetched anew.

        They are synced too: the run that stored them may have been killed between a rename and its sync, and
        a power cut would take the only copy. ``synced`` remembers folders, for none gets a name meanwhile.

        Raises:
            OSError: The disk refuses it; the file is to be fetched anew.
        """
        sound = True
        for entry in list(_belonging(item, known)):
            path = self.root / (entry.path or "")
            try:
                proof = await asyncio.to_thread(proof_of, path)
                await asyncio.to_thread(self._sync, path, synced)
            except FileNotFoundError:
                proof = None
            except OSError:
                # The kernel drops what it could not write, and says so once: the next sync would succeed, and
                # the file be read from memory. It is not believed again.
                self._disown(entry, known, "the disk failed when it was read, or made durable")
                raise
            if proof != Proof(entry.bytes or 0, entry.sha256 or ""):
                sound = False
                self._disown(entry, known, "the file on disk is not the one that was stored")
        return sound

    def _disown(self, entry: Entry, known: Entries, reason: str) -> None:
        """Have a file fetched anew, by the next run."""
        known[entry.identity] = failed = replace(entry, status=FAILED, reason=reason)
        self.tally.failed.append(failed)

    def _sync(self, path: Path, synced: set[Path]) -> None:
        sync_file(path)
        if path.parent not in synced:
            sync_folders(self.root, (path.parent,))
            synced.add(path.parent)

    async def _ask(self, client: Client, entry: Entry, along: Sequence[Entry]) -> None:
        self.database.check_owned()
        self._write(INTENT, entry, along)
        event, detail = UNKNOWN, "no answer came"
        try:
            await client.command(DELETE_METHOD, {"record_id": str(entry.record_id)})
            event, detail = DELETED, ""
            self.tally.deleted += 1
        except RequestError as error:
            detail = str(error)
            if error.code in _ABSENT:
                event = ABSENT
                self.tally.absent += 1
            else:
                event = REFUSED
                self.tally.spared.append((entry, detail))
        except RefusedError as error:
            event, detail = REFUSED, str(error)
            if error.code != _FORBIDDEN:
                raise
            roles = " or ".join(DELETE_ROLES)
            raise RefusedError(
                error.code, error.message, f"{DELETE_METHOD} needs the role {roles}."
            ) from None
        except HarvestError as error:
            detail = str(error)
            raise
        finally:
            self._write(event, entry, along, detail)

    def _write(self, event: str, entry: Entry, along: Sequence[Entry], detail: str = "") -> None:
        self.audit.write(event, entry, self.now(), detail, account_id=self.account_id, along=along)


def _belonging(item: Attachment, known: Entries) -> Iterator[Entry]:
    """What goes when a recording goes: itself, and its transcript."""
    for entry in known.values():
        if entry.record_id == item.record_id and entry.kind in {RECORD, TRANSCRIPT}:
            yield entry


def _reason_to_spare(item: Attachment, day: Day, known: Entries) -> str:
    if item.record_id is not None and (reason := day.unfinished.get(item.record_id)):
        return reason
    for stored in _belonging(item, known):
        if stored.status == STORED and stored.reason:  # it may not be all of it
            return f"its {stored.kind} was {stored.reason}"
    for other in day.attachments:
        if other.record_id == item.record_id and other.identity.kind == TRANSCRIPT:
            entry = known.get(other.identity)
            if entry is None or entry.status != STORED:
                return "its transcript is not stored, and would be deleted with it"
    return ""
