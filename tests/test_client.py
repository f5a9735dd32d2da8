"""What the client hands on, which tokens it shows, and how many of its requests are under way."""

import asyncio
from email.utils import formatdate

import pytest

from harvester.api.persistence import Meter, RetryPolicy
from harvester.api.reply import Reply
from harvester.errors import RefusedError
from tests.asking import BODY, FORM, METHOD, NOON, Vendor, client, error, fetch, fetch_many, seconds


async def test_a_good_answer_is_handed_on() -> None:
    """The answer as received for the spool, the page for the reader, and the figures for the display."""
    vendor, meter = Vendor(), Meter()
    answer, page = await client(vendor, meter=meter).fetch(METHOD, FORM)
    assert (answer.body, answer.encoding) == (BODY, "identity")
    assert page.records == [{"call_session_history_id": 1}]
    assert meter == Meter(requests=1, bytes_received=len(BODY), bytes_decoded=len(BODY))


@pytest.mark.parametrize("refusal", [error(456), error(100), Reply(401, {}, b"")])
async def test_a_refused_token_is_renewed_at_once(refusal: Reply) -> None:
    """One more try with a fresh token, without delay and beside the tries that are counted."""
    vendor = Vendor([error(1), refusal])
    await fetch(vendor, RetryPolicy(attempts=2))
    assert vendor.times == seconds([0, 0.5, 0.5])


async def test_a_refused_fresh_token_is_a_refusal() -> None:
    """The second complaint ends it, with the vendor's code and what to do, even with a fault in between."""
    vendor = Vendor([error(100, "Bad signature."), error(1), error(100, "Bad signature.")])
    with pytest.raises(RefusedError, match=r"code 100: Bad signature\. Check that the key") as caught:
        await fetch(vendor)
    assert caught.value.code == 100
    assert len(vendor.times) == 3


async def test_a_token_from_the_future_is_dated_back() -> None:
    """Code 455 without a ``Date``: the next token is a minute older."""
    vendor = Vendor([error(455)])
    asking = client(vendor)
    await asking.fetch(METHOD, FORM)
    assert len(set(vendor.tokens)) == 2
    assert asking._tokens._backdate == 65


async def test_one_renewal_serves_all() -> None:
    """Many requests refused with the same token get one fresh token, dated back once."""
    vendor = Vendor([error(455)] * 8, latency=1)
    asking = client(vendor)
    await fetch_many(asking, 8)
    assert len(vendor.times) == 16
    assert len(set(vendor.tokens)) == 2
    assert asking._tokens._backdate == 65


async def test_the_vendors_clock_is_learned_from_its_answers() -> None:
    """Tokens follow the ``Date`` of the last answer, a refusal's too."""
    ahead = formatdate(NOON + 600, usegmt=True)
    vendor = Vendor([error(456, date=ahead)])
    asking = client(vendor)
    assert asking.skew == 0
    await asking.fetch(METHOD, FORM)
    assert asking.skew == pytest.approx(600, abs=1)
    assert len(set(vendor.tokens)) == 2


async def test_no_more_than_allowed_are_under_way() -> None:
    """The rest wait their turn."""
    vendor = Vendor(latency=1)
    await fetch_many(client(vendor, concurrency=3), 9)
    assert vendor.most == 3
    assert vendor.times == seconds([0] * 3 + [1] * 3 + [2] * 3)


async def test_a_request_that_backs_off_frees_its_place() -> None:
    """Others ask meanwhile."""
    vendor = Vendor([error(1)])
    await fetch_many(client(vendor, concurrency=1), 3)
    assert vendor.times == seconds([0, 0, 0, 0.5])


@pytest.mark.parametrize("after", [0.0, 0.05, 0.5, 1.05, 1.2, 2.0, 5.0])
async def test_a_cancelled_request_leaves_nothing_behind(after: float) -> None:
    """Wherever it is cancelled: in the queue, on the way, in a delay, in a pause."""
    vendor, meter = Vendor([error(1), error(416, "in 20 seconds")], latency=0.5), Meter()
    asking = client(vendor, rate=2, concurrency=1, meter=meter)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(after):
            await fetch_many(asking, 5)
    assert (meter.in_flight, vendor.under_way) == (0, 0)
    vendor.script.clear()
    await fetch_many(asking, 3)
