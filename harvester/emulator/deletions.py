"""``DeleteRecord``: the one method that changes something."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from harvester.emulator.answers import Answer
from harvester.emulator.parameters import Parameters
from harvester.emulator.question import Setting
from harvester.emulator.refusals import Code, Refusal


@dataclass(frozen=True, slots=True)
class RecordDeletion:
    """``DeleteRecord``: takes a recording, and its transcript, out of the storage.

    Whether the account ever had such a recording is not looked up; what the histories say of it stays.
    """

    record_id: int

    @classmethod
    def read(cls, _setting: Setting, parameters: Parameters, _asker: int) -> "RecordDeletion":
        """Read the id, as such or from the URL.

        Raises:
            Refusal: Codes 261 or 458.
        """
        number, url = parameters.get("record_id", ""), parameters.get("record_url", "")
        if bool(number) == bool(url):
            raise Refusal(Code.ONLY_ONE_OF_PARAMETERS, "Name the record by its id, or by its URL.")
        found = parse_qs(urlsplit(url).query).get("record_id", [number])[0]
        if not (found.isascii() and found.isdecimal() and int(found)):
            raise Refusal(Code.INVALID_RECORD_ID, "The record_id is invalid.")
        return cls(int(found))

    def carry_out(self, removed: set[int]) -> Answer:
        """Add it to the recordings that are ``removed``.

        Raises:
            Refusal: Code 341: it was taken out before.
        """
        if self.record_id in removed:
            raise Refusal(Code.RECORD_NOT_FOUND, "The record is not found.")
        removed.add(self.record_id)
        return Answer(b'{"result":1}')
