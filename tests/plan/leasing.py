"""A frontier, and what is leased of it."""

from harvester.plan.density import Density
from harvester.plan.frontier import Frontier, Lease

DAY = 86_400
REACH = 11_000


def frontier(*windows: Lease, reach: int = REACH, fetchers: int = 2) -> Frontier:
    """A frontier that cuts by a flat density."""
    return Frontier(windows, Density(), reach=reach, fetchers=fetchers)


async def leased(work: Frontier) -> Lease:
    """The next lease; there is one."""
    lease = await work.lease()
    assert lease is not None
    return lease


async def all_leases(work: Frontier) -> list[Lease]:
    """Every lease of a frontier whose fetcher reads each as a whole."""
    leases = []
    while (lease := await work.lease()) is not None:
        leases.append(lease)
        work.done(lease)
    return leases
