"""Bugs in what the disk keeps: syncs, files that are read back, checksums, answers in the spool."""

from tests.mutants.mutant import Edit, Mutant

_LAKE = "harvester/lake"

DURABILITY = (
    Mutant(
        "draft-not-synced",
        "a file is renamed into place without an fsync of its content",
        (Edit(f"{_LAKE}/writer.py", "        os.fsync(self._file.fileno())\n", ""),),
        ("tests/disk/test_power_loss.py::test_any_disk_that_a_power_cut_leaves[0]",),
    ),
    Mutant(
        "folders-not-synced",
        "the folders are not synced after the rename",
        (Edit(f"{_LAKE}/publish.py", "    _sync(root, intents)\n", ""),),
        ("tests/lake/test_publish.py::test_every_folder_on_the_way_is_made_durable",),
    ),
    Mutant(
        "ledger-not-synced",
        "a commit of the ledger is not durable",
        (Edit(f"{_LAKE}/database.py", "synchronous = FULL", "synchronous = OFF"),),
        ("tests/disk/test_power_loss.py::test_any_disk_that_a_power_cut_leaves[0]",),
    ),
    Mutant(
        "evidence-not-synced",
        "`--keep-raw` publishes before the evidence is durable",
        (Edit(f"{_LAKE}/sink.py", "        await self._in_thread(self._spool.sync)\n", ""),),
        ("tests/disk/test_power_loss.py::test_any_disk_that_a_power_cut_leaves[0]",),
    ),
    Mutant(
        "failed-sync-of-evidence",
        "answers that could not be synced are synced once more, and kept as evidence",
        (Edit(f"{_LAKE}/spool.py", "                self.clear()\n", ""),),
        ("tests/lake/test_evidence.py::test_answers_that_could_not_be_made_durable_are_no_evidence",),
    ),
    Mutant(
        "freed-answers-come-back",
        "after a power cut, answers that were freed answer for a later window",
        (
            Edit(
                f"{_LAKE}/spool.py",
                "            self.free(start)\n        sync_folder(self._folder)\n",
                "            self.free(start)\n",
            ),
        ),
        ("tests/lake/test_spool.py::test_dropped_answers_do_not_come_back",),
    ),
    Mutant(
        "quarantine-not-synced",
        "a record in quarantine is not durable when its window counts as proven",
        (Edit(f"{_LAKE}/quarantine.py", "        os.fsync(file.fileno())\n", ""),),
        ("tests/disk/test_power_loss.py::test_any_disk_that_a_power_cut_leaves[0]",),
    ),
    Mutant(
        "bytes-not-read-back",
        "`close()` is believed: size and hash of the draft are not read back",
        (
            Edit(
                f"{_LAKE}/writer.py",
                "if (size, digest) != (self._file.written, self._file.sha256):",
                "if False:",
            ),
        ),
        ("tests/lake/test_writer.py::test_bytes_that_the_disk_changed_are_no_draft",),
    ),
    Mutant(
        "rows-not-read-back",
        "`close()` is believed: the rows of the draft are not counted again",
        (Edit(f"{_LAKE}/writer.py", "if rows != self._rows:", "if False:"),),
        ("tests/lake/test_writer.py::test_a_draft_that_is_not_what_was_written_is_no_draft",),
    ),
    Mutant(
        "no-page-checksums",
        "Parquet pages carry no checksum",
        (Edit(f"{_LAKE}/writer.py", "write_page_checksum=True", "write_page_checksum=False"),),
        ("tests/lake/test_writer.py::test_no_flipped_byte_is_read_back_as_data",),
    ),
    Mutant(
        "damaged-file-carried-over",
        "rows of a damaged file are carried over into its replacement",
        (Edit(f"{_LAKE}/rows.py", "page_checksum_verification=True", "page_checksum_verification=False"),),
        ("tests/lake/test_sink_failure.py::test_a_damaged_file_is_not_carried_over",),
    ),
    Mutant(
        "names-of-drafts-not-synced",
        "of drafts that are to be shown together a power cut may take some away",
        (Edit(f"{_LAKE}/flat.py", "        sync_folder(self._folder)\n", ""),),
        ("tests/lake/test_flat.py::test_the_names_of_drafts_are_durable",),
    ),
    Mutant(
        "ledger-not-compared",
        "a flipped bit in the ledger is not looked for in its indexes, and a day counts as harvested",
        (Edit(f"{_LAKE}/soundness.py", '"PRAGMA integrity_check(1)"', '"PRAGMA quick_check(1)"'),),
        ("tests/lake/test_damage.py::test_a_flipped_bit_in_a_span_is_refused[coverage]",),
    ),
    Mutant(
        "spool-checksum-not-checked",
        "an answer in the spool is used although its checksum is wrong",
        (Edit(f"{_LAKE}/spool.py", "if sha256(lengths + payload).digest() != digest:", "if False:"),),
        ("tests/lake/test_spool.py::test_a_flipped_byte_is_noticed",),
    ),
    Mutant(
        "torn-tail-not-cut",
        "an answer is appended behind the torn one that a crash left",
        (Edit(f"{_LAKE}/spool.py", "            file.truncate(self._end)\n", ""),),
        ("tests/lake/test_spool.py::test_a_torn_tail_is_asked_for_again",),
    ),
    Mutant(
        "evidence-overwritten",
        "`--keep-raw` replaces the evidence of an earlier reading",
        (Edit(f"{_LAKE}/spool.py", "_free_name(self._keep, path)", "self._keep / path.name"),),
        ("tests/lake/test_evidence.py::test_evidence_is_not_replaced_by_later_evidence",),
    ),
    Mutant(
        "old-file-carried-over",
        "rows of a file that is not what was published are carried over, and given a new hash",
        (Edit(f"{_LAKE}/shown.py", "if not all(map(_is_intact, paths, file.files)):", "if False:"),),
        ("tests/lake/test_sink_failure.py::test_a_file_that_is_not_what_was_published_is_not_carried_over",),
    ),
)
