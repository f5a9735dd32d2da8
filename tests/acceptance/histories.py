"""The histories of an account beside its calls, on four days."""

from harvester.datasets import ACD, AUDIT, TRANSACTIONS
from harvester.emulator import SyntheticAccount
from tests.acceptance.harness import DAY, SPRING

START, END = SPRING - 4 * DAY, SPRING


def histories(records: int, **settings: object) -> dict[str, SyntheticAccount]:
    """An account's other histories, each of so many records, on four days."""
    return {
        dataset.name: SyntheticAccount(records, START, END, seed=4, dataset=dataset, **settings)  # type: ignore[arg-type]
        for dataset in (TRANSACTIONS, ACD, AUDIT)
    }
