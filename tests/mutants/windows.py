"""Bugs in what a window is read by: bounds, caps, cuts, and answers that were kept."""

from tests.mutants.mutant import Edit, Mutant

_API = "harvester/api"

WINDOWS = (
    Mutant(
        "begun-by-a-part",
        "a window is begun by an answer of an earlier run about a part of it",
        (
            Edit(
                f"{_API}/question.py",
                "yield Question(start, window.end)",
                "yield from (Question(start, window.end - 1), Question(start, window.end))",
            ),
        ),
        ("tests/test_proof.py::test_a_window_is_not_begun_by_an_answer_about_a_part_of_it",),
    ),
    Mutant(
        "bound-believed",
        "one record on the end of a range is taken for a proof that all of its second is in it",
        (
            Edit(
                f"{_API}/question.py",
                "    def miss_start",
                "    seen = False\n\n    def see_end(self) -> None:\n        self.seen = True\n\n"
                "    def miss_start",
            ),
            Edit(
                f"{_API}/question.py",
                "yield Question(start, window.end)",
                "yield Question(start, window.end - self.seen)",
            ),
            Edit(
                f"{_API}/proof.py",
                "            self._bounds.observe(question, page.oldest)\n",
                "            self._bounds.observe(question, page.oldest)\n"
                "            if page.youngest == question.end:\n"
                "                self._bounds.see_end()\n",
            ),
        ),
        ("tests/test_proof.py::test_a_record_on_the_bound_says_nothing_of_the_others_of_its_second",),
    ),
    Mutant(
        "future-settles",
        "a clock that is ahead proves the future to be empty",
        (Edit("harvester/api/page_source.py", "            self._check_settled(question.end)\n", ""),),
        (
            "tests/acceptance/test_partitions.py::test_what_has_not_settled_by_the_apis_clock_is_no_history[7200]",
        ),
    ),
    Mutant(
        "reach-not-looked-at-again",
        "of a window that was cut, a page is compared that a cap found meanwhile has put beyond reach",
        (Edit(f"{_API}/proof.py", "min(total + 1, self._source.reach) > 3 * size", "total >= 3 * size"),),
        ("tests/test_proof.py::test_a_cap_that_is_found_while_a_window_is_cut_is_kept",),
    ),
    Mutant(
        "unknown-bound-believed",
        "that nothing comes on a bound counts, though it is unknown whether the bound belongs to the range",
        (
            Edit(
                f"{_API}/second.py",
                "if page.count or self.bounds.from_inclusive is not None:",
                "if True:",
            ),
        ),
        ("tests/test_proof.py::test_dense_neighbours_are_told_apart_where_bounds_are_whole_seconds",),
    ),
    Mutant(
        "cut-window-loses-answers",
        "of a window that was cut, pages asked for the longer one are lost to the dense second behind it",
        (
            Edit(
                f"{_API}/reading.py",
                "return self.longer.question if self.longer and number in {0, 2} else self.question",
                "return self.question",
            ),
            Edit(f"{_API}/proof.py", "{2 * size: opening.asked(2)}", "{2 * size: longer.question}"),
        ),
        ("tests/test_proof.py::test_what_reaches_into_a_dense_second_goes_along_when_the_window_was_cut[2]",),
    ),
    Mutant(
        "first-version-counts",
        "of a record that came while it ran and when it had ended, the first is read back from the spool",
        (
            Edit(
                f"{_API}/pages.py",
                'named["running"] = pc.fill_null(table[columns.running], fill_value=False)',
                "pass",
            ),
        ),
        ("tests/test_proof.py::test_of_a_record_that_came_while_it_ran_and_after_the_final_one_counts",),
    ),
)
