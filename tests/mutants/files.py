"""Bugs in fetching the files behind calls, and in having them deleted."""

from tests.mutants.mutant import Edit, Mutant

_TESTS = "tests/acceptance/test_recordings"

FILES = (
    Mutant(
        "token-to-other-hosts",
        "a host of one's own is shown the vendor's token",
        (Edit("harvester/api/routes.py", "with_token=False", "with_token=True"),),
        (f"{_TESTS}_tokens.py::test_other_hosts_that_are_named_are_asked_without_a_token",),
    ),
    Mutant(
        "host-by-its-beginning",
        "a host whose name only begins as one of the vendor's is taken for one",
        (Edit("harvester/api/routes.py", "_VENDOR.fullmatch(", "_VENDOR.match("),),
        ("tests/test_routes.py::test_nothing_else_is_asked",),
    ),
    Mutant(
        "file-redirect-followed",
        "a redirect of a file is followed",
        (Edit("harvester/api/file_transport.py", "allow_redirects=False", "allow_redirects=True"),),
        (f"{_TESTS}_tokens.py::test_a_redirect_is_not_followed",),
    ),
    Mutant(
        "range-without-condition",
        "the rest of a file is joined with the beginning of another state of it",
        (Edit("harvester/api/download.py", ', "If-Range": receiver.validator', ""),),
        ("tests/test_download.py::test_the_rest_is_asked_for_if_it_is_of_the_same_file",),
    ),
    Mutant(
        "other-range-taken",
        "a range is taken for the one that was asked for",
        (
            Edit(
                "harvester/api/exchange.py",
                "return found is None or (int(found[1]), int(found[3])) != wanted",
                "return wanted is None",
            ),
        ),
        ("tests/test_download.py::test_a_range_that_does_not_fit_is_not_joined",),
    ),
    Mutant(
        "marks-believed",
        "what a kill left of a file is gone on with, whatever its hash",
        (Edit("harvester/lake/partial.py", " or state.hexdigest() != digest", ""),),
        ("tests/lake/test_partial.py::test_no_damage_is_gone_on_with",),
    ),
    Mutant(
        "file-not-read-back",
        "a file is stored without being read back",
        (Edit("harvester/lake/partial.py", "        if proof != wanted:\n", "        if not wanted:\n"),),
        ("tests/lake/test_partial.py::test_bytes_that_the_disk_changed_are_no_file",),
    ),
    Mutant(
        "file-not-synced",
        "a file counts as stored that a power cut would take",
        (Edit("harvester/lake/partial.py", "            os.fsync(file.fileno())\n", "            pass\n"),),
        ("tests/lake/test_partial.py::test_no_file_is_proven_before_it_is_durable",),
    ),
    Mutant(
        "failed-sync-tried-again",
        "a file that could not be synced is synced once more, and believed",
        (
            Edit(
                "harvester/lake/partial.py",
                "            self.forget()\n            raise\n",
                "            raise\n",
            ),
        ),
        (
            f"{_TESTS}_unsynced.py::test_a_file_whose_sync_failed_is_fetched_anew_before_it_is_deleted[partial]",
        ),
    ),
    Mutant(
        "unsynced-file-deleted",
        "a recording is deleted whose file could not be synced a run before",
        (
            Edit(
                "harvester/deletion.py",
                "            except OSError:\n",
                "            except ZeroDivisionError:\n",
            ),
        ),
        (
            f"{_TESTS}_unsynced.py::test_a_file_whose_sync_failed_is_fetched_anew_before_it_is_deleted[_files]",
        ),
    ),
    Mutant(
        "file-shown-before-noted",
        "a file has its final name before it is written down",
        (
            Edit(
                "harvester/collection.py",
                "        self._noted(notes, entry)\n        shelf.show(begun.path, target)\n",
                "        shelf.show(begun.path, target)\n        self._noted(notes, entry)\n",
            ),
        ),
        (f"{_TESTS}_command.py::test_killed_at_any_step[Shelf show after-]",),
    ),
    Mutant(
        "table-by-a-fenced-owner",
        "a run that was followed by another still replaces the table of files",
        (Edit("harvester/lake/shelf.py", "        database.check_owned()\n", ""),),
        (f"{_TESTS}_resume.py::test_a_run_that_is_followed_by_another_writes_nothing_more",),
    ),
    Mutant(
        "deleted-without-yes",
        "`--delete-after` deletes without `--yes`",
        (Edit("harvester/recordings.py", "if order.confirmed:", "if order.delete:"),),
        (f"{_TESTS}_deletion.py::test_nothing_is_deleted_without_both_words",),
    ),
    Mutant(
        "deleted-without-proof",
        "a recording is deleted whose file on disk is damaged",
        (Edit("harvester/deletion.py", "elif await self._is_proven(item, known, synced):", "else:"),),
        (f"{_TESTS}_deletion.py::test_a_file_that_is_not_what_was_stored_is_not_deleted",),
    ),
    Mutant(
        "transcript-deleted-along",
        "a recording is deleted whose transcript is not stored",
        (Edit("harvester/deletion.py", "            if reason:\n", "            if not day:\n"),),
        (f"{_TESTS}_deletion.py::test_a_recording_goes_with_its_transcript_or_not_at_all",),
    ),
    Mutant(
        "deletion-without-intent",
        "a deletion is asked for before it is written down",
        (
            Edit(
                "harvester/deletion.py",
                "        self._write(INTENT, entry, along)\n",
                "",
            ),
        ),
        (f"{_TESTS}_deletion.py::test_what_is_proven_is_deleted_and_written_down",),
    ),
    Mutant(
        "lost-file-called-stored",
        "a file that is not on disk any more is still called stored",
        (
            Edit(
                "harvester/collection.py",
                "            self._own_up(todo, shelf, known)\n",
                "            pass\n",
            ),
        ),
        (f"{_TESTS}_damage.py::test_a_lost_file_is_not_called_stored",),
    ),
    Mutant(
        "files-not-verified",
        "`verify` does not look how long a recording is",
        (Edit("harvester/lake/inventory.py", "if size != entry.bytes:", "if size < 0:"),),
        ("tests/acceptance/test_verify_files.py::test_a_file_that_is_not_as_it_was_is_named",),
    ),
    Mutant(
        "deleted-unsynced",
        "a recording is deleted at the vendor while a power cut could still take it from the disk",
        (
            Edit(
                "harvester/deletion.py",
                "                await asyncio.to_thread(self._sync, path, synced)\n",
                "",
            ),
        ),
        (f"{_TESTS}_deletion.py::test_what_a_kill_left_unsynced_is_synced_before_it_is_deleted",),
    ),
    Mutant(
        "flat-links-uncounted",
        "links are followed in flat tables that do not belong together",
        (
            Edit(
                "harvester/lake/linked.py",
                "if len(parts[column]) != (record[count] or 0):",
                "if len(parts[column]) > 1_000_000:",
            ),
        ),
        (f"{_TESTS}_damage.py::test_flat_tables_that_do_not_belong_together_are_refused",),
    ),
    Mutant(
        "one-shelf-for-two",
        "what its parent has is held for what a child has under the same number",
        (Edit("harvester/order.py", "return Account(int(child), is_child=True)", "return None"),),
        (f"{_TESTS}_filtered.py::test_a_child_had_by_filter_has_a_shelf_of_its_own",),
    ),
    Mutant(
        "log-listed-twice",
        "a log that moved is listed twice",
        (Edit("harvester/lake/attachments.py", '"" if kind == LOG else ', ""),),
        (f"{_TESTS}_later.py::test_of_a_log_that_moved_the_newest_is_stored_once",),
    ),
    Mutant(
        "gone-for-good",
        "what was gone while its call ran is never asked for when that has ended",
        (
            Edit(
                "harvester/collection.py",
                "    return (entry.reason == _GONE_EARLY and not item.runs) or ",
                "    return ",
            ),
        ),
        (f"{_TESTS}_later.py::test_a_recording_that_a_running_call_did_not_have_is_stored",),
    ),
)
