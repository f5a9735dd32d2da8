"""The task group of this program: one that fails leaves nothing behind in whoever goes on after it."""

import asyncio
from types import TracebackType
from typing import Self


class TaskGroup(asyncio.TaskGroup):  # noqa: TID251  (here it is made harmless)
    """As asyncio's, and its failure does not look like a cancellation later.

    To wake the task that waits for it, a group that fails cancels that task; before Python 3.13 it leaves the
    request standing. Python 3.11.2, as in Debian 12, then takes the next timeout of that task for its
    cancellation: ``CancelledError`` instead of ``TimeoutError``. A service would end with its first outage.
    """

    async def __aenter__(self) -> Self:
        """As asyncio's."""
        await super().__aenter__()
        self._requests = _requests()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As asyncio's.

        Raises:
            ExceptionGroup: Of what its tasks raised.
        """
        try:
            await super().__aexit__(kind, error, trace)
        except BaseExceptionGroup:
            task = asyncio.current_task()
            # One at most is the group's own; others are of whoever wants this task to end.
            if task is not None and task.cancelling() > self._requests:
                task.uncancel()
            raise


def _requests() -> int:
    """How many requests to cancel stand against this task."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
