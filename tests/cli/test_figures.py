import pytest

from harvester.cli import figures


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
)
def test_counts_have_their_thousands_apart(number: int, text: str) -> None:
    """Long numbers can be read at a glance."""
    assert figures.count(number) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (5.5e9, "5.5 GB"),
        (7.25e12, "7.2 TB"),
        (1.5e16, "15000.0 TB"),
        (-2_000, "-2.0 kB"),
    ],
)
def test_amounts_have_a_unit(size: float, text: str) -> None:
    """Bytes in steps of a thousand, whole below the first one."""
    assert figures.amount(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (1.24, "1.2 s"),
        (12.3, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (754, "12 min 34 s"),
        (3_599.6, "1 h 0 min"),
        (11_520, "3 h 12 min"),
        (86_399.5, "1 d 0 h"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_have_the_two_units_that_matter(seconds: float, text: str) -> None:
    """The larger the duration, the coarser its words; rounding carries over to the next unit."""
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("gap",), "0 gaps"),
        (1, ("gap",), "1 gap"),
        (2, ("gap",), "2 gaps"),
        (1_025, ("gap",), "1,025 gaps"),
        (1, ("file was", "files were"), "1 file was"),
        (2, ("file was", "files were"), "2 files were"),
    ],
)
def test_one_is_no_plural(number: int, words: tuple[str, ...], text: str) -> None:
    """One gap, and two gaps."""
    assert figures.counted(number, *words) == text
