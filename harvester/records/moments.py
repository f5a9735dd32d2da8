"""Moments as the vendor writes them, and nothing that only resembles them."""

import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Kind
from harvester.records.schema import SCALARS

_MOMENTS = {Kind.INSTANT: pa.timestamp("s"), Kind.DATE: pa.date32()}
FORMS = {Kind.INSTANT: "YYYY-MM-DD HH:MM:SS", Kind.DATE: "YYYY-MM-DD"}


class MisfitError(Exception):
    """A value that its column cannot hold as sent; the text names the field and what came, not the value."""


def moments(texts: pa.Array, kind: Kind, path: str) -> pa.Array:
    """The INSTANTs or DATEs that ``texts`` say; an empty text says null.

    Raises:
        MisfitError: A text is not exactly in the vendor's form, or not a moment of the years 1 to 9999.
    """
    width = len(FORMS[kind])
    misfit = MisfitError(f"{path}: a text that is not {FORMS[kind]}")
    lengths = _lengths(texts)
    if 0 in lengths:
        texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
        lengths = _lengths(texts)
    if lengths == {None}:
        return pa.nulls(len(texts), SCALARS[kind])
    # Of the right length the cast takes two forms too many: "T" between day and time, and the year 0, for
    # which Python has no date. All texts being equally long, both show at a stride of the buffer.
    data = texts.buffers()[2].to_pybytes()
    with_t = kind is Kind.INSTANT and data[10::width].strip(b" ")
    year_0 = b"0" in data[::width] and b"0000-" in data
    if lengths != {width} or with_t or year_0:
        raise misfit
    try:
        # To a moment without zone, as UTC is: a cast to one with a zone would want an offset in the text.
        return texts.cast(_MOMENTS[kind]).view(SCALARS[kind])
    except pa.ArrowInvalid:
        raise misfit from None


def _lengths(texts: pa.Array) -> set[int | None]:
    return set(pc.min_max(pc.binary_length(texts)).as_py().values())
