"""Bugs in what keeps accounts apart."""

from tests.mutants.mutant import Edit, Mutant

_TESTS = "tests/acceptance/test_accounts"

ACCOUNTS = (
    Mutant(
        "children-in-the-parents-folder",
        "records of children that a parent's answers hold are put into its folder, too",
        (
            Edit(
                "harvester/api/pages.py",
                "        table = columns.owner.own(table)\n",
                "        table = table.slice(0)\n",
            ),
        ),
        (f"{_TESTS}.py::test_each_account_has_its_own_records_once[calls-token-included]",),
    ),
    Mutant(
        "foreign-records-believed",
        "an answer for a child that holds somebody else's records is believed",
        (Edit("harvester/records/owner.py", "if foreign and self.alone:", "if foreign and not self.alone:"),),
        (f"{_TESTS}_refused.py::test_records_of_somebody_else_are_never_taken_for_a_childs[apart]",),
    ),
    Mutant(
        "unreadable-account-lost",
        "a record that does not fit because of its account is left to others, and lost",
        (
            Edit(
                "harvester/records/owner.py",
                "return not isinstance(whose, int) or whose == self.account_id",
                "return whose in {None, self.account_id}",
            ),
        ),
        (
            "tests/acceptance/test_accounts_answers.py::test_an_account_that_cannot_be_read_is_not_somebody_elses",
        ),
    ),
    Mutant(
        "count-of-no-pages",
        "records of several accounts are not counted before a page came: a second read again ends the run",
        (Edit("harvester/api/pages.py", "    if not batches:", "    if batches is None:"),),
        ("tests/acceptance/test_accounts_answers.py::test_a_second_whose_order_changes_is_proven",),
    ),
    Mutant(
        "budget-for-each",
        "each account has a budget of its own, so two of them together exceed it",
        (
            Edit(
                "harvester/cli/several.py",
                "await _code(job, work, pace, ends)",
                "await _code(job, work, Pace(job.budget), ends)",
            ),
        ),
        (f"{_TESTS}.py::test_one_budget_serves_all",),
    ),
    Mutant(
        "gap-forgotten-unread",
        "a gap is forgotten when it is to be read again, and not when it was",
        (
            Edit(
                "harvester/lake/ledger.py",
                "            for part in proven:\n",
                "            self._gaps.forget([leased])\n            for part in proven:\n",
            ),
        ),
        ("tests/lake/test_ledger.py::test_a_gap_stays_one_until_it_is_read_again",),
    ),
)
