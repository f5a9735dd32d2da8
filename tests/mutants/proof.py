"""Bugs in what is believed: totals, keys, gaps, and what a run says at its end."""

from tests.mutants.mutant import Edit, Mutant

_API = "harvester/api"

_TOTALS_DIFFER = (
    "if any(page.total != total for place, page in enumerate(pages) if place * size not in instead):"
)

PROOF = (
    Mutant(
        "no-second-count",
        "the total is not compared with those that come with the other pages",
        (Edit(f"{_API}/proof.py", _TOTALS_DIFFER, "if False:"),),
        (
            "tests/acceptance/test_second_count.py::test_a_session_that_slips_through_between_two_pages_is_missed",
        ),
    ),
    Mutant(
        "middle-totals-ignored",
        "of the pages that are asked side by side only the last one tells whether the total changed",
        (Edit(f"{_API}/proof.py", _TOTALS_DIFFER, "if pages[-1].total != total:"),),
        ("tests/acceptance/test_second_count.py::test_a_page_that_is_asked_again_after_the_last_one",),
    ),
    Mutant(
        "end-counted-along",
        "what is counted on the end of a span is taken for its own",
        (Edit("harvester/api/counting.py", "if on_end(part.end) else 0", "if False else 0"),),
        ("tests/test_recount.py::test_what_is_counted_on_the_end_is_taken_off",),
    ),
    Mutant(
        "doubts-forgotten",
        "a range is called complete of which seconds are known to be wrong since they were published",
        (
            Edit(
                "harvester/report.py",
                "(self.gaps or self.doubted or self.refused)",
                "(self.gaps or self.refused)",
            ),
        ),
        ("tests/acceptance/test_verify_counts.py::test_the_api_is_asked_again",),
    ),
    Mutant(
        "cut-total-believed",
        "the total of a window that was cut is taken to be as old as its first page",
        (Edit(f"{_API}/proof.py", "if longer and pages[2].total != longer.page.total:", "if False:"),),
        ("tests/acceptance/test_properties.py::test_one_session_that_goes_at_any_moment[cut]",),
    ),
    Mutant(
        "dense-second-not-asked-again",
        "what the pages before brought of a dense second is taken to be as young as its total",
        (
            Edit(
                f"{_API}/second.py",
                "offset = max(0, self._begun(known) - self.source.page_size)",
                "offset = 0",
            ),
        ),
        ("tests/acceptance/test_properties.py::test_one_session_that_goes_at_any_moment[dense]",),
    ),
    Mutant(
        "difference-not-checked",
        "what paging reached is not compared with the difference of two totals",
        (
            Edit(
                f"{_API}/proof.py",
                "total - following.page.total, before=last)",
                "distinct(pages, self._source.columns, before=last), before=last)",
            ),
        ),
        ("tests/test_proof.py::test_a_record_that_is_counted_and_on_no_page_is_a_gap",),
    ),
    Mutant(
        "keys-not-distinct",
        "a record that came twice counts as two",
        (Edit(f"{_API}/pages.py", "int(pc.count_distinct(keys).as_py())", "len(keys)"),),
        ("tests/acceptance/test_complaints.py::test_records_of_one_timestamp_are_lost_between_pages",),
    ),
    Mutant(
        "end-inclusive",
        "a window is taken for closed: its last second is one too late",
        (
            Edit(
                "harvester/lake/rows.py",
                "self._rows_before(batch, window.end)",
                "self._rows_before(batch, window.end + 1)",
            ),
        ),
        ("tests/lake/test_rows.py::test_cutting_keeps_the_rows_inside",),
    ),
    Mutant(
        "boundary-doubled",
        "records on the boundary of two windows are kept by both",
        (
            Edit(f"{_API}/pages.py", "        table = table.filter(inside)\n", "        pass\n"),
            Edit(
                "harvester/lake/rows.py",
                "self._rows_before(batch, window.end)",
                "self._rows_before(batch, window.end + 1)",
            ),
        ),
        ("tests/acceptance/test_complaints.py::test_records_on_a_boundary_are_lost_or_doubled[True-True]",),
    ),
    Mutant(
        "doubled-rows-kept",
        "a record that overlapping answers bring twice becomes two rows",
        (Edit(f"{_API}/pages.py", "pc.not_equal(keys[:-1], keys[1:])", "pc.is_valid(keys[1:])"),),
        ("tests/acceptance/test_complaints.py::test_records_of_one_timestamp_are_lost_between_pages",),
    ),
    Mutant(
        "offset-one-page-too-far",
        "paging goes one page beyond the API's largest offset",
        (
            Edit(
                "harvester/datasets.py",
                'time_field="start_date",\n    page_size=1_000,\n    max_offset=10_000',
                'time_field="start_date",\n    page_size=1_000,\n    max_offset=11_000',
            ),
        ),
        ("tests/acceptance/test_complaints.py::test_the_offset_cap_silently_truncates",),
    ),
    Mutant(
        "gap-not-told",
        "a run that finished with a gap exits with 0",
        (
            Edit(
                "harvester/cli/backfill.py",
                "ExitCode.COMPLETE if report is None or report.is_whole else ExitCode.GAPS",
                "ExitCode.COMPLETE",
            ),
        ),
        ("tests/acceptance/test_cli.py::test_a_gap_is_told_by_the_exit_code",),
    ),
    Mutant(
        "gap-published",
        "a partition with a gap is published without `--allow-gaps`",
        (Edit("harvester/work.py", "if self._bench.job.allow_gaps and not", "if not"),),
        ("tests/acceptance/test_gaps.py::test_a_second_beyond_reach_is_a_gap",),
    ),
    Mutant(
        "gap-forgotten",
        "a file whose gap was let through earlier is called complete",
        (Edit("harvester/lake/sink.py", " and not any(map(self._catalog.has_gap, lacking))", ""),),
        ("tests/acceptance/test_gaps.py::test_a_gap_let_through_stays_one",),
    ),
    Mutant(
        "interrupted-called-complete",
        "a run that was stopped early says that it is complete",
        (Edit("harvester/report.py", '"interrupted" if stopped and not gaps else ', ""),),
        ("tests/acceptance/test_resume.py::test_the_first_signal_drains",),
    ),
    Mutant(
        "running-published",
        "a session that is still running is published as final",
        (
            Edit(
                f"{_API}/reader.py",
                "Harvest(window, batches, quarantined, running, stale)",
                "Harvest(window, batches, quarantined)",
            ),
        ),
        ("tests/acceptance/test_running.py::test_a_running_session_is_left_to_a_later_run",),
    ),
    Mutant(
        "settle-lag-ignored",
        "seconds whose history may still change are harvested",
        (Edit("harvester/config.py", "int(now) - self.settle)", "int(now))"),),
        ("tests/acceptance/test_partitions.py::test_only_the_settled_part_is_harvested",),
    ),
    Mutant(
        "proof-not-taken-back",
        "a window that must be read again still counts as proven meanwhile",
        (
            Edit(
                "harvester/pipeline.py",
                "        self.ledger.record(lease.window, waiting=[lease.window], run=self.run_number)\n"
                "        if lease.proven:\n",
                "        if not lease.proven:\n"
                "            self.ledger.record(lease.window, waiting=[lease.window], run=self.run_number)\n"
                "        if lease.proven:\n",
            ),
        ),
        ("tests/acceptance/test_resume.py::test_half_a_reading_passes_for_no_proof",),
    ),
)
