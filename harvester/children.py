"""The child accounts of an account, as the API lists them."""

import time
from collections.abc import Callable

from harvester.account import LIST_METHOD, LIST_ROLES
from harvester.api.client import Client
from harvester.api.connection import connected
from harvester.api.credentials import Credentials
from harvester.api.persistence import Meter
from harvester.config import Job
from harvester.errors import RefusedError, UnavailableError

_PAGE = 20  # what is sent unasked; the vendor names no cap
_FORBIDDEN = 104


async def children(
    job: Job, credentials: Credentials, *, now: Callable[[], float] = time.time
) -> tuple[int, ...]:
    """The ids of all child accounts, ascending.

    Args:
        job: Its endpoint and budget.
        credentials: Of the parent.
        now: Gives Unix time.

    Raises:
        RefusedError: The key may not list them, or is not accepted at all.
        UnavailableError: The list does not hold as many as it says: it changed while it was read.
        HarvestError: The API refuses, or cannot be reached.
    """
    async with connected(job, credentials, Meter(), now=now) as client:
        try:
            return await _listed(client)
        except RefusedError as error:
            if error.code != _FORBIDDEN:
                raise
            roles = ", ".join(LIST_ROLES)
            remedy = f"{LIST_METHOD} needs the role {roles}; or name the accounts: --accounts ID,ID"
            raise RefusedError(error.code, error.message, remedy) from error


async def _listed(client: Client) -> tuple[int, ...]:
    found: set[int] = set()
    totals: set[int | None] = set()
    offset = 0
    while True:
        # Briefly, since all that is known of a child may be its key.
        parameters = {
            "child_account_id": "all",
            "brief_output": "true",
            "order_by": "child_account_id",
            "count": str(_PAGE),
            "offset": str(offset),
        }
        _, page = await client.fetch(LIST_METHOD, parameters)
        ids = [record.get("account_id") for record in page.records if isinstance(record, dict)]
        found |= {number for number in ids if type(number) is int}
        totals.add(page.total)
        offset += len(page.records)
        if not page.records or (page.total is not None and offset >= page.total):
            break
    # One that goes meanwhile moves others past the next page: then the totals differ.
    if len(found) != offset or totals - {None, offset}:
        raise UnavailableError(
            f"{LIST_METHOD} counts {page.total} child accounts, and {len(found)} came: run again"
        )
    return tuple(sorted(found))
