"""Bugs in the rounds of ``sync``, and in what they leave to the next."""

from tests.mutants.mutant import Edit, Mutant

_FILLED = "test_the_history_is_filled_though_another_dataset_is_refused"

SYNC = (
    Mutant(
        "history-left-wrong",
        "`sync` fills what is missing in the history, and leaves what is wrong in it",
        (Edit("harvester/todo.py", "scopes = (missing, doubted)", "scopes = (missing,)"),),
        (
            "tests/acceptance/test_sync_gaps.py::test_what_is_wrong_in_published_history_is_read_once_the_api_can",
        ),
    ),
    Mutant(
        "look-back-moves-on",
        "a round of `sync` that failed before it counted is never made up for",
        (Edit("harvester/synced.py", "        return min(end, last)\n", "        return end\n"),),
        (
            "tests/acceptance/test_sync_failures.py::test_a_round_that_failed_before_it_counted_is_made_up_for",
        ),
    ),
    Mutant(
        "unfinished-called-final",
        "`sync` never reads again a cost or a transcript that was still to come",
        (
            Edit(
                "harvester/look_back.py",
                "                seconds += unfinished(",
                "                unfinished(",
            ),
        ),
        ("tests/acceptance/test_sync_unfinished.py::test_what_is_unfinished_is_read_again_when_it_is_due",),
    ),
    Mutant(
        "unfilled-beside-refused",
        "one round of `sync` fills no history in a lake of which one dataset is refused",
        (Edit("harvester/service.py", "last=False)", "last=due is None)"),),
        (f"tests/acceptance/test_service_several.py::{_FILLED}[refused last]",),
    ),
)
