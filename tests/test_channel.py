import asyncio

import pytest

from harvester.channel import Channel


async def test_values_come_out_as_they_went_in() -> None:
    """In the order of arrival, also after the channel was closed; then nothing more."""
    channel: Channel[str] = Channel(100)
    for value in "abc":
        await channel.put(value, 1)
    channel.close()
    assert [await channel.get() for _ in range(5)] == ["a", "b", "c", None, None]


@pytest.mark.parametrize("value", ["late", None])
async def test_a_consumer_waits_for_the_next_value_or_the_end(value: str | None) -> None:
    """An empty channel is not a closed one."""
    channel: Channel[str] = Channel(100)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(channel.get())
        await asyncio.sleep(60)
        assert not waiting.done()
        if value is None:
            channel.close()
        else:
            await channel.put(value, 4)
    assert waiting.result() == value


@pytest.mark.parametrize(
    ("sizes", "before", "after"),
    [([4, 6, 1], 2, 3), ([11, 1], 1, 2), ([1, 11, 1], 1, 2), ([0, 10, 0], 3, 3)],
    ids=["exactly the limit", "one beyond it alone", "one beyond it waits", "free of charge"],
)
async def test_a_producer_ahead_of_the_consumer_waits(sizes: list[int], before: int, after: int) -> None:
    """Ten bytes are held, or one value however large; each value taken lets the producer go on."""
    channel: Channel[int] = Channel(10)
    handed_over: list[int] = []

    async def produce() -> None:
        for place, size in enumerate(sizes):
            await channel.put(place, size)
            handed_over.append(place)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        await asyncio.sleep(60)
        assert len(handed_over) == before
        taken = [await channel.get()]
        await asyncio.sleep(60)
        assert len(handed_over) == after
        taken += [await channel.get() for _ in sizes[1:]]
    assert taken == list(range(len(sizes)))


async def test_many_producers_share_one_limit() -> None:
    """However many wait, what was handed over and not taken never exceeds it, and everything arrives once."""
    limit, sizes = 10, [1, 9, 4, 5, 3, 10, 2, 7]
    channel: Channel[tuple[int, int]] = Channel(limit)
    inside: set[tuple[int, int]] = set()

    async def produce(producer: int) -> None:
        for size in sizes[producer:] + sizes[:producer]:
            await channel.put((producer, size), size)
            inside.add((producer, size))
            assert sum(size for _, size in inside) <= limit

    async with asyncio.TaskGroup() as group:
        for producer in range(len(sizes)):
            group.create_task(produce(producer))
        taken = []
        for _ in range(len(sizes) ** 2):
            await asyncio.sleep(1)
            value = await channel.get()
            assert value is not None
            inside.discard(value)
            taken.append(value)
    assert sorted(taken) == sorted((producer, size) for producer in range(len(sizes)) for size in sizes)


async def test_a_cancelled_producer_hands_over_nothing() -> None:
    """A value is in the channel whole or not at all, and takes no room it does not need."""
    channel: Channel[str] = Channel(10)
    await channel.put("held", 10)
    waiting = asyncio.create_task(channel.put("cancelled", 5))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await channel.get() == "held"
    async with asyncio.timeout(1):
        await channel.put("next", 10)
    assert await channel.get() == "next"
