"""Bugs on the way to readers: publishing, owners, windows and gaps, verify and recover."""

from tests.mutants.mutant import Edit, Mutant

_LAKE = "harvester/lake"
_SINK = "tests/lake/test_sink.py"

LAKE = (
    Mutant(
        "runs-among-published",
        "published seconds in which something runs now leave the file until the next round",
        (
            Edit(
                f"{_LAKE}/sink.py",
                "assembly.leave(given_up, self._shown.sound(partition, given_up))",
                "assembly.leave(given_up, ())",
            ),
        ),
        (f"{_SINK}::test_what_runs_among_published_records_leaves_these_where_they_are",),
    ),
    Mutant(
        "rename-before-intent",
        "the file is renamed before the ledger knows of the decision",
        (
            Edit(
                f"{_LAKE}/sink.py",
                "        self._catalog.intend(intents, self._run)\n",
                "        await self._in_thread(show, self._layout.root, intents)\n",
            ),
            Edit(
                f"{_LAKE}/sink.py",
                "            del self._assemblies[assembly.partition]\n"
                "        await self._in_thread(show, self._layout.root, intents)\n",
                "            del self._assemblies[assembly.partition]\n"
                "        self._catalog.intend(intents, self._run)\n",
            ),
        ),
        ("tests/lake/test_publish.py::test_a_crash_leaves_the_old_files_or_the_new",),
    ),
    Mutant(
        "ledger-before-rename",
        "the ledger calls a file published before it is renamed",
        (
            Edit(
                f"{_LAKE}/sink.py",
                "        await self._in_thread(show, self._layout.root, intents)\n"
                "        news = [intent.publication for intent in intents]\n",
                "        news = [intent.publication for intent in intents]\n",
            ),
            Edit(
                f"{_LAKE}/sink.py",
                "        self.published.partitions += len(news)\n",
                "        await self._in_thread(show, self._layout.root, intents)\n"
                "        self.published.partitions += len(news)\n",
            ),
        ),
        ("tests/lake/test_publish.py::test_a_crash_leaves_the_old_files_or_the_new",),
    ),
    Mutant(
        "lock-not-taken",
        "the lake's lock is not taken",
        (Edit(f"{_LAKE}/lock.py", "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass"),),
        ("tests/lake/test_lock.py::test_the_second_owner_is_told_who_the_first_is",),
    ),
    Mutant(
        "epoch-not-checked",
        "a transaction does not look whether another owner has taken over",
        (Edit(f"{_LAKE}/database.py", "            if self.epoch:  #", "            if False:  #"),),
        ("tests/lake/test_fence.py::test_a_paused_owner_publishes_nothing_more",),
    ),
    Mutant(
        "replaced-ledger-written",
        "an owner goes on writing to a ledger that was moved away",
        (Edit(f"{_LAKE}/database.py", "if _inode(self._path) != self._file:", "if False:"),),
        ("tests/lake/test_fence.py::test_a_ledger_that_was_replaced_is_not_written",),
    ),
    Mutant(
        "replaced-lock-held",
        "a lock counts although its file was replaced meanwhile",
        (Edit(f"{_LAKE}/lock.py", "if _is_at(path, file):", "if True:"),),
        ("tests/lake/test_lock.py::test_a_lock_that_was_replaced_meanwhile_is_taken_anew",),
    ),
    Mutant(
        "lost-ledger-made-anew",
        "a lake that lost its ledger is taken for a new one",
        (Edit(f"{_LAKE}/opening.py", "if not has_files(layout.root):", "if True:"),),
        ("tests/acceptance/test_recover.py::test_a_lost_ledger_is_refused_and_rebuilt[deleted]",),
    ),
    Mutant(
        "draft-without-epoch",
        "two owners write drafts of the same name",
        (Edit(f"{_LAKE}/layout.py", "{partition.label}.{epoch}.draft", "{partition.label}.draft"),),
        ("tests/lake/test_fence.py::test_a_fenced_owner_leaves_the_drafts_of_the_next",),
    ),
    Mutant(
        "undecided-draft-shown",
        "a start renames what an earlier owner left, whatever it holds",
        (
            Edit(
                f"{_LAKE}/publish.py",
                "_hash(root / draft) == file.sha256 for draft, file",
                "(root / draft).exists() for draft, file",
            ),
        ),
        ("tests/lake/test_publish.py::test_a_draft_that_is_not_what_was_decided_is_not_shown",),
    ),
    Mutant(
        "records-shown-first",
        "of flat tables, the sessions are renamed before what belongs to them",
        (Edit(f"{_LAKE}/entries.py", "strict=True))[::-1]", "strict=True))"),),
        ("tests/lake/test_flat_crash.py::test_a_kill_between_two_renames[1]",),
    ),
    Mutant(
        "some-of-several-shown",
        "a start renames those drafts of a publication that are left, though one is not",
        (Edit(f"{_LAKE}/publish.py", "if can_all and is_sound:", "if is_sound:"),),
        ("tests/lake/test_flat_crash.py::test_a_draft_that_was_harmed_shows_none_of_the_others[0-lost]",),
    ),
    Mutant(
        "torn-publication-covered",
        "a partition of which one file was replaced and another cannot be counts as harvested",
        (Edit(f"{_LAKE}/publish.py", "if any(shown):", "if False:"),),
        ("tests/lake/test_flat_crash.py::test_a_draft_that_was_harmed_shows_none_of_the_others[1-lost]",),
    ),
    Mutant(
        "tables-joined-unseen",
        "rows of flat tables are carried over to whichever session comes",
        (
            Edit(
                "harvester/records/flat.py",
                "if any(not head.equals(rows[column])",
                "if any(len(head) != len(rows[column])",
            ),
        ),
        ("tests/test_flat.py::test_tables_that_do_not_belong_together_are_not_joined[swapped]",),
    ),
    Mutant(
        "recovered-apart",
        "`recover` takes files of flat tables together that were not published so",
        (Edit(f"{_LAKE}/inquest.py", "if replace(found, table=footer.table) != footer:", "if False:"),),
        ("tests/acceptance/test_flat.py::test_tables_apart_are_not_recovered[calls of an earlier run]",),
    ),
    Mutant(
        "memory-without-bound",
        "windows that wait for their turn stay in memory, however large",
        (Edit(f"{_LAKE}/sink.py", "            assembly.drop()\n", "            pass\n"),),
        (f"{_SINK}::test_rows_beyond_the_memory_are_replayed_from_the_spool",),
    ),
    Mutant(
        "spool-freed-early",
        "a window's answers are freed when the first of its partitions is published",
        (
            Edit(
                f"{_LAKE}/catalog.py",
                "[window for window in windows if not subtract(window, done)]",
                "[window for window in windows if any(map(window.overlap, done))]",
            ),
        ),
        ("tests/lake/test_catalog.py::test_windows_and_gaps_go_when_all_their_seconds_are_covered",),
    ),
    Mutant(
        "repair-leaves-a-hole",
        "`repair` leaves unread what shared a window with seconds that the API counts otherwise",
        (
            Edit(
                f"{_LAKE}/ledger.py",
                '                self._keep(rest, "open", 0)\n',
                "                pass\n",
            ),
        ),
        ("tests/test_todo.py::test_a_repair_reads_all_of_a_partition_with_a_gap[count]",),
    ),
    Mutant(
        "kept-answers-unused",
        "a run that goes on asks again for what arrived",
        (Edit("harvester/api/page_source.py", "if kept is not None:", "if False:"),),
        ("tests/acceptance/test_resume.py::test_cancelled_at_any_moment[2.0]",),
    ),
    Mutant(
        "recover-without-seal",
        "`recover` believes a footer whose seal is broken",
        (Edit(f"{_LAKE}/footer.py", "            _check(told)\n", ""),),
        ("tests/acceptance/test_recover_files.py::test_a_footer_cannot_claim_more_than_was_proven",),
    ),
    Mutant(
        "gap-read-and-lost",
        "a gap is forgotten when it is read, not when it is published: a killed `repair` leaves a hole",
        (
            Edit(
                f"{_LAKE}/ledger.py",
                "            for part in proven:\n",
                "            self._gaps.forget([leased])\n            for part in proven:\n",
            ),
        ),
        ("tests/acceptance/test_gaps.py::test_a_gap_is_forgotten_when_it_is_published",),
    ),
    Mutant(
        "verify-without-hash",
        "`verify` compares no hash",
        (Edit(f"{_LAKE}/verify.py", "(size, digest) != (file.bytes, file.sha256)", "size != file.bytes"),),
        ("tests/acceptance/test_verify.py::test_a_damaged_file_is_found_and_mended[first byte]",),
    ),
)
