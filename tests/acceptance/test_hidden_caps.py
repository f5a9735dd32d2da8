"""Caps that nobody publishes, whatever they are: they are found, and nothing is lost on the way."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvester.api.envelope import Answer
from harvester.api.protocol import Page
from harvester.errors import RequestError
from tests.acceptance.test_properties import SMALL, judge, run, sessions
from tests.acceptance.vendor import Vendor

USUAL, TRIED, FARTHEST = 2, 8, 24

pytestmark = pytest.mark.large


@dataclass(slots=True)
class Capped(Vendor):
    """An API that serves less at a time than it is asked for.

    Attributes:
        most: Records of one answer.
        farthest: Largest offset.
        code: Of the refusal beyond them; ``None`` lowers what is asked for instead.
    """

    most: int = TRIED
    farthest: int = FARTHEST
    code: int | None = None

    async def fetch(
        self, method: str, parameters: Mapping[str, str], *, urgent: bool = False
    ) -> tuple[Answer, Page]:
        """One answer."""
        count, offset = int(parameters["count"]), int(parameters["offset"])
        if self.code is not None and (count > self.most or offset > self.farthest):
            await asyncio.sleep(0.1)
            raise RequestError(self.code, "out of range")
        lowered = {"count": str(min(count, self.most)), "offset": str(min(offset, self.farthest))}
        return await Vendor.fetch(self, method, {**parameters, **lowered}, urgent=urgent)


@st.composite
def capped(draw: st.DrawFn) -> Capped:
    """Any caps, from what is served unasked up to what is tried."""
    dataset = replace(
        SMALL, page_size=TRIED, max_offset=FARTHEST, usual_count=USUAL, caps_published=False, running=None
    )
    return Capped(
        dataset,
        draw(sessions()),
        order=draw(st.sampled_from(["stable", "reversed", "shuffled"])),
        from_inclusive=draw(st.booleans()),
        to_inclusive=draw(st.booleans()),
        seed=draw(st.integers(0, 9)),
        most=draw(st.integers(USUAL, TRIED)),
        farthest=draw(st.integers(0, FARTHEST)),
        code=draw(st.sampled_from([None, 101, 496, 497])),
    )


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(capped(), st.sampled_from([1, 8, 30]))
def test_any_caps(vendor: Capped, concurrency: int) -> None:
    """What is published is true; all of it is there, unless a single second takes more than a page."""
    truth = list(vendor.sessions)
    outcome = run(vendor, concurrency=concurrency)
    judge(outcome, truth, truth)
    crowds = Counter(session.second for session in truth)
    if max(crowds.values(), default=0) <= USUAL:
        assert outcome.report.gaps == ()
