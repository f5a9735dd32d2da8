"""The targets of ``make fuzz`` over their seeds and some damage, so that they hold and stay usable."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.__main__ import SHARES
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS
from tests.test_decode_anything import STEADY

pytestmark = pytest.mark.large


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_borne(name: str) -> None:
    """No seed makes a target fail, and every target has some."""
    found = list(seeds(name))
    assert found
    for seed in found:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@STEADY
@given(place=st.integers(0, 4000), piece=st.binary(max_size=8), seed=st.integers(0, 5), data=st.binary())
@example(place=0, piece=b"", seed=0, data=b"")
def test_damage_is_borne(name: str, place: int, piece: bytes, seed: int, data: bytes) -> None:
    """Neither damaged seeds nor random bytes make one fail."""
    found = list(seeds(name))
    text = found[seed % len(found)]
    place %= len(text) + 1
    TARGETS[name](text[:place] + piece + text[place + len(piece) // 2 :])
    TARGETS[name](data)


def test_every_target_is_run() -> None:
    """``make fuzz`` forgets none."""
    assert set(SHARES) == set(TARGETS)
