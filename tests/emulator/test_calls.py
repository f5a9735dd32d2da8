"""``GetCallHistory`` over HTTP."""

from harvester.emulator import Emulator, SyntheticAccount
from tests.emulator.asking import DAY, client_of

MAY_29 = 1_716_940_800


async def test_the_example_of_the_reference_page() -> None:
    """The vendor's example session is served value for value."""
    account = SyntheticAccount(5_000, MAY_29, MAY_29 + 86_400)
    async with client_of(Emulator(account)) as client:
        page = await client.ask(**DAY, count=1000, with_calls=True, with_records=True)
    print(page["total_count"], len(page["result"]))
    assert page["total_count"] == 5_001
    assert page["result"] == list(account.sessions(MAY_29, MAY_29 + 86_400))[:1000]
