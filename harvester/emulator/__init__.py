"""A stand-in of the vendor's Management API with an account of synthetic history, and with its faults.

For tests, demonstrations and benchmarks. It knows the harvester's datasets and nothing else of it.
"""

from harvester.emulator.account import Account
from harvester.emulator.app import Emulator
from harvester.emulator.behaviour import HTTP_STATUSES, Behaviour, ReportBehaviour
from harvester.emulator.family import Family
from harvester.emulator.faults import Fault, Faults
from harvester.emulator.listed import ListedAccount
from harvester.emulator.server import serve
from harvester.emulator.synthetic import SyntheticAccount

__all__ = [
    "HTTP_STATUSES",
    "Account",
    "Behaviour",
    "Emulator",
    "Family",
    "Fault",
    "Faults",
    "ListedAccount",
    "ReportBehaviour",
    "SyntheticAccount",
    "serve",
]
