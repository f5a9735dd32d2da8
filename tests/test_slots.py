"""Who may be under way, and who of those that wait goes first."""

import asyncio

import pytest

from harvester.api.slots import Slots


class Street:
    """Requests that take a second each."""

    def __init__(self, number: int) -> None:
        self.slots = Slots(number)
        self.began: list[str] = []
        self.under_way = self.most = 0

    async def go(self, name: str, *, urgent: bool = False) -> None:
        """One request."""
        async with self.slots.taken(urgent=urgent):
            self.began.append(name)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                await asyncio.sleep(1)
            finally:
                self.under_way -= 1


async def test_no_more_than_the_number_are_under_way() -> None:
    """All come to their turn, so many at a time, in the order they came."""
    street = Street(3)
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(street.go(str(number)))
    assert street.most == 3
    assert street.began == [str(number) for number in range(10)]


async def test_urgent_ones_go_first() -> None:
    """They pass all that wait and are not urgent, but neither each other nor who is under way."""
    street = Street(1)
    async with asyncio.TaskGroup() as group:
        for name in ("first", "page", "another", "look!", "following!"):
            group.create_task(street.go(name, urgent=name.endswith("!")))
    assert street.began == ["first", "look!", "following!", "page", "another"]


@pytest.mark.parametrize("moment", [0.5, 1.0])
async def test_who_gives_up_costs_no_slot(moment: float) -> None:
    """Cancelled while it waits, or in the very step in which its turn came."""
    street = Street(1)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(street.go("first"))
        impatient = group.create_task(street.go("impatient"))
        group.create_task(street.go("last"))
        loop.call_later(moment, impatient.cancel)
    assert street.began in (["first", "last"], ["first", "impatient", "last"])
    async with asyncio.timeout(5):
        await street.go("later")
    assert street.most == 1


async def test_a_turn_that_nobody_takes_goes_on() -> None:
    """Cancelled after its turn came and before it could take it: the next one goes."""
    street = Street(1)
    async with asyncio.TaskGroup() as group:
        async with street.slots.taken():
            impatient = group.create_task(street.go("impatient"))
            group.create_task(street.go("last"))
            await asyncio.sleep(0)
        impatient.cancel()  # the slot is its own already
    assert street.began == ["last"]


async def test_a_failure_gives_its_slot_back() -> None:
    """Whatever ends the block, the slot is free again."""
    slots = Slots(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with slots.taken():
                raise ZeroDivisionError
    async with asyncio.timeout(1), slots.taken():
        pass
