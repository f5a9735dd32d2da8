"""A report on its way into the spool and out of it, piece by piece: it may be larger than memory."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from harvester.api.envelope import Answer, envelope_of
from harvester.api.page_source import AnswerFile
from harvester.api.pages import ContradictionError
from harvester.errors import MalformedAnswerError, RangeTooWideError
from harvester.records.report_columns import MalformedReportError

_PIECE = 1 << 20  # bytes of one entry of the spool
_LARGEST = 1 << 30  # bytes as received; with more, the report is ordered for a shorter range
_LARGEST_PLAIN = 8 << 30  # bytes of its text
_SLICE = 1 << 20  # bytes inflated at a time
_BEGINNING = 64 << 10
_GZIP = b"\x1f\x8b"
_VOID = b"0"
_LAYERS = 2  # a .gz file, sent compressed


class Incoming:
    """Takes a file as it comes, and keeps it as answers of a window.

    Attributes:
        size: Bytes of the file so far.
        beginning: The first of them.
    """

    def __init__(self, file: AnswerFile, name: str) -> None:
        self.size = 0
        self.beginning = b""
        self._file = file
        self._name = name
        self._pieces = 0
        self._held = bytearray()

    @property
    def ends_itself(self) -> bool:
        """Whether it is compressed: then a cut shows when it is unpacked; a text may end anywhere."""
        return self.beginning.startswith(_GZIP)

    def begin(self) -> None:
        """A file comes; what came of it before is void."""
        self.size = self._pieces = 0
        self.beginning = b""
        self._held.clear()

    def write(self, piece: bytes) -> None:
        """Take the next bytes as received.

        Raises:
            RangeTooWideError: They are too many.
            OSError: The disk refuses them.
        """
        self.size += len(piece)
        if self.size > _LARGEST:
            raise RangeTooWideError(None)
        self._held += piece
        self.beginning += piece[: _BEGINNING - len(self.beginning)]
        if len(self._held) >= _PIECE:
            self._keep()

    def end(self) -> None:
        """It is there whole.

        Raises:
            OSError: The disk refuses it.
        """
        self._keep()
        self._file.append(f"{self._name} end", "identity", str(self._pieces).encode())

    def _keep(self) -> None:
        self._file.append(f"{self._name} {self._pieces}", "identity", bytes(self._held))
        self._pieces += 1
        self._held.clear()


def is_whole(file: AnswerFile, name: str) -> bool:
    """Whether the whole file came; a piece of it may be torn all the same."""
    end = file.get(f"{name} end")
    return end is not None and end[1] != _VOID


def void(file: AnswerFile, name: str) -> None:
    """Fetch the file anew, but do not order it anew.

    Raises:
        OSError: The disk refuses it.
    """
    file.append(f"{name} end", "identity", _VOID)


def text_of(file: AnswerFile, name: str) -> Iterator[bytes]:
    """The text of a file that came, piece by piece, unpacked however it was compressed.

    Raises:
        MalformedReportError: A piece is gone, or it is damaged, cut or too large.
    """
    size = 0
    for piece in unpacked(_pieces(file, name)):
        size += len(piece)
        if size > _LARGEST_PLAIN:
            raise MalformedReportError("its text is too large")
        yield piece


def unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, however it was compressed.

    Raises:
        MalformedReportError: It is damaged or cut.
    """
    for _ in range(_LAYERS):
        pieces = _plain(pieces)
    return pieces


def _pieces(file: AnswerFile, name: str) -> Iterator[bytes]:
    end = file.get(f"{name} end")
    for number in range(int(end[1]) if end else 1):
        piece = file.get(f"{name} {number}")
        if end is None or piece is None:
            raise MalformedReportError("a part of it is gone")
        yield piece[1]


def _plain(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    while len(head) < len(_GZIP) and (piece := next(pieces, None)) is not None:
        head += piece
    if not head.startswith(_GZIP):
        yield head
        yield from pieces
        return
    yield from _inflated([head], pieces)


def _inflated(*streams: Iterable[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        for stream in streams:
            for piece in stream:
                waiting = piece
                while waiting:
                    yield inflate.decompress(waiting, _SLICE)
                    waiting = inflate.unconsumed_tail
                if inflate.unused_data:
                    raise MalformedReportError("something follows the end of the gzip file")
        yield inflate.flush()
    except zlib.error:
        raise MalformedReportError("the gzip file is damaged") from None
    if not inflate.eof:
        raise MalformedReportError("the gzip file is cut short")


def check_is_file(beginning: bytes) -> None:
    """A file that begins as an object is an answer of the API; as a tag, a gateway's page; in disguise.

    Raises:
        ContradictionError: It is no error either.
        HarvestError: The error that it is.
    """
    try:
        text = b"".join(unpacked(iter([beginning])))
    except MalformedReportError:  # it is longer than its beginning
        return
    if not text.lstrip().startswith((b"{", b"<")):
        return
    with suppress(MalformedAnswerError):
        envelope_of(Answer(text, "identity"))
    raise ContradictionError("what was downloaded is no file")
