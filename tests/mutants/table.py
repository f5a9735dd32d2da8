"""All planted bugs, room by room."""

from tests.mutants.accounts import ACCOUNTS
from tests.mutants.durability import DURABILITY
from tests.mutants.files import FILES
from tests.mutants.lake import LAKE
from tests.mutants.network import NETWORK
from tests.mutants.pace import PACE
from tests.mutants.processes import PROCESSES
from tests.mutants.proof import PROOF
from tests.mutants.records import RECORDS
from tests.mutants.reports import REPORTS
from tests.mutants.sync import SYNC
from tests.mutants.windows import WINDOWS

MUTANTS = (
    *DURABILITY,
    *LAKE,
    *NETWORK,
    *PACE,
    *PROOF,
    *WINDOWS,
    *REPORTS,
    *SYNC,
    *RECORDS,
    *FILES,
    *PROCESSES,
    *ACCOUNTS,
)
