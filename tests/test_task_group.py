import asyncio

import pytest

from harvester.task_group import TaskGroup


async def _fail() -> None:
    await asyncio.sleep(1)
    raise ValueError


async def _grouped(seconds: float) -> None:
    async with TaskGroup() as group:
        group.create_task(_fail())
        await asyncio.sleep(seconds)


async def test_a_group_that_failed_leaves_no_request_to_cancel() -> None:
    """Whoever goes on is not taken for cancelled by its next timeout, as Python 3.11.2 would take it."""
    task = asyncio.current_task()
    assert task is not None
    for seconds in (0, 9):  # it fails while the group is waited for, or in the midst of its body
        with pytest.raises(ExceptionGroup):
            await _grouped(seconds)
        assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.sleep(2)


async def test_a_group_in_a_group_leaves_the_outer_one_to_its_own() -> None:
    """The inner one fails, the outer one passes it on, and nothing is left of either."""
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(ExceptionGroup):
        async with TaskGroup(), TaskGroup() as inner:
            inner.create_task(_fail())
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    """The group's own request goes, that of somebody else does not."""
    seen: list[int] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with TaskGroup() as group:
                group.create_task(_fail())
                group.create_task(_fail_late())
        except ExceptionGroup:
            seen.append(task.cancelling())

    async def _fail_late() -> None:
        try:
            await asyncio.sleep(9)
        finally:
            await asyncio.sleep(9)  # it takes its time to end, and the task around it is cancelled meanwhile

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(5)
    task.cancel()
    await asyncio.wait([task])
    assert seen == [1]
