"""Answers whose connection or framing is wrong: F01 to F03, F05 and F29."""

from tests.wire.case import FALSE, TRUE, Act, Case, answer, bomb, chunk, chunked, framed, zipped

_LIMIT = "larger than"

_PLAIN = answer(FALSE)
_CHUNKED = chunked(chunk(FALSE[:20]), chunk(FALSE[20:]))
_BODY = _PLAIN.index(b"{")

# Where a connection may break: each class of byte boundaries once.
_CUTS = {
    "before the first byte": _PLAIN[:0],
    "after one byte": _PLAIN[:1],
    "in the version": _PLAIN[:7],
    "in the status": _PLAIN[:11],
    "after the status line": _PLAIN[:17],
    "in a header's name": _PLAIN[:22],
    "in a header's value": _PLAIN[:45],
    "before the blank line": _PLAIN[: _BODY - 2],
    "in the blank line": _PLAIN[: _BODY - 1],
    "before the body": _PLAIN[:_BODY],
    "after the body's first byte": _PLAIN[: _BODY + 1],
    "in the body": _PLAIN[: _BODY + 30],
    "before the body's last byte": _PLAIN[:-1],
    "in a chunk's size": _CHUNKED[: _CHUNKED.index(b"14\r\n") + 1],
    "after a chunk's size": _CHUNKED[: _CHUNKED.index(b"14\r\n") + 4],
    "in a chunk": _CHUNKED[: _CHUNKED.index(b"14\r\n") + 10],
    "after a chunk's data": _CHUNKED[: _CHUNKED.index(b"14\r\n") + 24],
    "between chunks": _CHUNKED[: _CHUNKED.index(b"14\r\n") + 26],
    "before the last chunk": _CHUNKED[: _CHUNKED.index(b"0\r\n\r\n")],
    "in the last chunk": _CHUNKED[:-4],
    "in the last line": _CHUNKED[:-1],
}

BREAKS = (
    *(Case("F01", f"reset {where}", (sent, Act.RESET)) for where, sent in _CUTS.items()),
    *(Case("F01", f"closed {where}", (sent, Act.CLOSE)) for where, sent in _CUTS.items()),
    *(
        Case("F02", f"silence {where}", (sent, Act.HANG), "did not answer in time")
        for where, sent in _CUTS.items()
    ),
    Case("F01", "reset before the request", (Act.RESET,), early=True),
    Case("F01", "closed before the request", (Act.CLOSE,), early=True),
    Case("F01", "closed after the answer", (answer(), Act.CLOSE), tries=1),
    Case("F02", "a body drips", (framed(b"", "Content-Length: 9999"), Act.DRIP), "did not answer in time"),
    Case("F02", "headers drip", (b"HTTP/1.1 200 OK\r\nX: ", Act.DRIP), "did not answer in time"),
    Case("F02", "chunks drip", (framed(b"270f\r\n", "Transfer-Encoding: chunked"), Act.DRIP), "in time"),
    Case("F03", "accepted, never read", (Act.HANG,), "did not answer in time", early=True),
)

FRAMES = (
    Case("F05", "length too long, then closed", (framed(FALSE, "Content-Length: 99"), Act.CLOSE)),
    Case("F05", "length too long, then silence", (framed(FALSE, "Content-Length: 99"), Act.HANG)),
    Case("F05", "length too short", (framed(FALSE, "Content-Length: 70"), Act.CLOSE)),
    Case("F05", "length 0 before a body", (framed(FALSE, "Content-Length: 0"), Act.CLOSE)),
    Case("F05", "length negative", (framed(FALSE, "Content-Length: -1"), Act.CLOSE)),
    Case("F05", "length a word", (framed(FALSE, "Content-Length: many"), Act.CLOSE)),
    Case("F05", "length with a sign", (framed(FALSE, f"Content-Length: +{len(FALSE)}"), Act.CLOSE)),
    Case("F05", "length in hexadecimal", (framed(FALSE, f"Content-Length: {len(FALSE):#x}"), Act.CLOSE)),
    Case("F05", "length beyond 64 bits", (framed(FALSE, f"Content-Length: {2**64 + 74}"), Act.CLOSE)),
    Case("F05", "length twice, different", (answer(FALSE, "Content-Length: 3"), Act.CLOSE)),
    Case("F05", "length and chunks", (answer(FALSE, "Transfer-Encoding: chunked"), Act.CLOSE)),
    Case(
        "F05", "chunks and length", (framed(chunk(FALSE), "Transfer-Encoding: chunked", "Content-Length: 9"),)
    ),
    Case(
        "F05", "a transfer encoding nobody knows", (framed(TRUE, "Transfer-Encoding: x"), Act.CLOSE), tries=1
    ),
    Case("F05", "chunk size not a number", (chunked(b"zz\r\n", FALSE),)),
    Case("F05", "chunk size negative", (chunked(b"-5\r\n", FALSE),)),
    Case("F05", "chunk size beyond 64 bits", (chunked(b"f" * 17 + b"\r\n", FALSE), Act.CLOSE)),
    Case("F05", "chunk size too small", (chunked(b"5\r\n", FALSE, b"\r\n"),)),
    Case("F05", "chunk size too large", (chunked(b"ff\r\n", FALSE, b"\r\n"), Act.CLOSE)),
    Case("F05", "chunk size empty", (chunked(b"\r\n", FALSE, b"\r\n"),)),
    Case("F05", "chunk with an extension", (chunked(b"4a;a=b\r\n", TRUE, b"\r\n"),), tries=1),
    Case("F05", "chunks with a trailer", (chunked(chunk(TRUE), end=b"0\r\nX: y\r\n\r\n"),), tries=1),
    Case("F05", "ten thousand headers", (answer(FALSE, *["X: y"] * 10_000),)),
    Case("F05", "a header of 70 kB", (answer(FALSE, "X: " + "y" * 70_000),)),
    Case("F05", "a NUL in a header", (answer(FALSE, "X: \0y"),)),
    Case("F05", "a header without a colon", (answer(FALSE, "what is this"),)),
    Case("F05", "a space before the colon", (answer(FALSE, "X : y"),)),
    Case("F05", "status not a number", (answer(FALSE, status="OK"), Act.CLOSE)),
    Case("F05", "status of five digits", (answer(FALSE, status="20000 OK"), Act.CLOSE)),
    Case("F05", "status line without end", (b"HTTP/1.1 200 " + b"O" * 70_000, Act.CLOSE)),
    Case("F05", "another protocol", (b"SSH-2.0-OpenSSH_9.2\r\n", Act.HANG)),
    Case("F05", "HTTP/0.9", (TRUE, Act.CLOSE)),
    Case("F05", "HTTP/2", (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, Act.CLOSE)),
    Case("F05", "a TLS alert", (b"\x15\x03\x01\x00\x02\x02\x46", Act.CLOSE)),
    Case(
        "F05", "three times 100 before the answer", (b"HTTP/1.1 100 Continue\r\n\r\n" * 3, answer()), tries=1
    ),
    Case("F05", "103 before the answer", (b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", answer()), tries=1),
    Case("F05", "100 and nothing", (b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000, Act.CLOSE)),
    Case("F05", "100 and silence", (b"HTTP/1.1 100 Continue\r\n\r\n", Act.HANG), "in time"),
    Case("F05", "101 in another protocol", (framed(b"", "Upgrade: h2c", status="101 Switch"), Act.CLOSE)),
    Case("F05", "HTTP/1.0 until the end", (framed(TRUE, version="HTTP/1.0"), Act.CLOSE), tries=1),
    Case("F05", "HTTP/1.0 cut", (framed(FALSE[:-1], version="HTTP/1.0"), Act.CLOSE), "not JSON"),
    Case("F05", "until the end, reset", (framed(FALSE[:-1]), Act.RESET)),
    Case("F05", "two answers to one question", (answer() + answer(FALSE),), tries=1),
    Case("F05", "garbage after the answer", (answer(FALSE) + b"garbage",)),
)

BOMBS = (
    Case("F29", "1 GiB in 1 MiB of gzip", (zipped(bomb(1024)),), _LIMIT),
    Case(
        "F29",
        "1 GiB of gzip in chunks",
        (framed(chunk(bomb(1024)) + b"0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Encoding: gzip"),),
        _LIMIT,
    ),
    Case(
        "F29",
        "length of a terabyte",
        (framed(b"", f"Content-Length: {1 << 40}"), Act.FLOOD, b" " * 65536),
        _LIMIT,
    ),
    Case(
        "F29",
        "chunks without end",
        (framed(b"", "Transfer-Encoding: chunked"), Act.FLOOD, chunk(b" " * 65536)),
        _LIMIT,
    ),
    Case(
        "F29",
        "one chunk without end",
        (framed(b"ffffffffff\r\n", "Transfer-Encoding: chunked"), Act.FLOOD, b" " * 65536),
        _LIMIT,
    ),
    Case("F29", "no length and no end", (framed(b""), Act.FLOOD, b" " * 65536), _LIMIT),
    Case("F29", "headers without end", (b"HTTP/1.1 200 OK\r\n", Act.FLOOD, b"X: y\r\n" * 1000)),
    Case("F29", "one header without end", (b"HTTP/1.1 200 OK\r\nX: ", Act.FLOOD, b"y" * 65536)),
)
