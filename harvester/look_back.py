"""How far back published history is looked at again, and which of it is read anew for what it says itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harvester.api.caps import Caps
from harvester.config import Job
from harvester.lake.catalog import Catalog
from harvester.lake.entries import Publication
from harvester.lake.layout import Granularity, partitions
from harvester.lake.ledger import Ledger
from harvester.lake.shown import readable
from harvester.lake.unfinished import unfinished
from harvester.lake.verify import Expected
from harvester.todo import Scope, joined, outstanding
from harvester.window import Window, merged, shares, subtract

_DAY = 86_400
_FEWER = 4  # a cost that is missing after hours may be missing for good: asking for it must get rarer
_LONGEST = 366 * _DAY  # between two rounds; who comes later looks at the look-back alone


@dataclass(frozen=True, slots=True)
class LookBack:
    """How far back, and by what.

    Attributes:
        seconds: How old a second is when it is looked at for the last time.
        reread: Read all of it anew in each round, whatever counts and rows say.
    """

    seconds: int = 2 * _DAY
    reread: bool = False

    def due(self, last: float, now: float, settle: int) -> tuple[Window, ...]:
        """The seconds whose unfinished records are to be read anew in a round.

        A second is due when it is as old as the look-back, and when a quarter as old, and so on down to
        ``settle``, when it was read first. So each is due a few times, however short the rounds are. Rounds
        meet without a hole: a restart after days finds all that became due meanwhile.

        Args:
            last: When the round before began, Unix time, or an earlier moment.
            now: When this one begins.
            settle: Seconds.
        """
        last = max(last, now - _LONGEST)
        age, spans = float(self.seconds), []
        while age > settle:
            spans.append((int(last - age), int(now - age)))
            age /= _FEWER
        if self.reread:
            spans.append((int(now - self.seconds), int(now - settle)))
        return merged(Window(start, end) for start, end in spans if start < end)


def unfinished_in(job: Job, files: Iterable[Publication], due: Sequence[Window]) -> tuple[Window, ...]:
    """The seconds of published rows that are not final, of those that are ``due``; may run in any thread.

    Raises:
        LakeError: A file is damaged or gone.
    """
    seconds: list[int] = []
    for file in files:
        if within := shares(due, file.span):
            with readable(file.path):
                paths = [job.lake / part.path for part in file.files]
                seconds += unfinished(paths, job.dataset, within, flat=job.tables == "flat")
    return merged(Window(second, second + 1) for second in seconds)


def renewing(job: Job, anew: Sequence[Window]) -> Scope:
    """What is missing, suspect or a gap, and ``anew``; joined where one question brings both."""

    def scope(
        ledger: Ledger, catalog: Catalog, settled: Window | None, granularity: Granularity
    ) -> tuple[Window, ...]:
        wanted = merged([*anew, *outstanding(ledger, catalog, settled, granularity)])
        if not wanted:
            return ()
        seconds = _seconds(job, catalog, Window(wanted[0].start, wanted[-1].end))
        todo = joined(wanted, seconds, Caps(job.dataset, ledger.facts()).page_size)
        again = [share for window in todo for share in shares(catalog.coverage(), window)]
        known = [*ledger.open_windows(), *(item.window for item in ledger.proven_windows())]
        # Answers of a round that was killed are not those of today.
        ledger.forget(window for window in known if any(map(window.meets, again)))
        return todo

    return scope


def recountable(
    fresh: Window,
    before: Sequence[Window],
    coverage: Sequence[Window],
    running: Sequence[Window],
    granularity: Granularity,
) -> list[Window]:
    """What to count of the partitions that a round was about, and that were published before it.

    Args:
        fresh: What the round was about.
        before: The coverage before it, oldest first.
        coverage: The coverage now.
        running: What the round left open.
        granularity: How long a partition is.
    """
    return [
        span
        for partition in partitions(granularity, fresh)
        if shares(before, partition.span)
        for span in countable(shares(coverage, partition.span), running)
    ]


def countable(covers: Sequence[Window], running: Sequence[Window]) -> list[Window]:
    """What to count of a partition: all of it at once, if its holes were read just now and left open.

    Args:
        covers: What is published of it, oldest first.
        running: What was left open.
    """
    if not covers:
        return []
    whole = Window(covers[0].start, covers[-1].end)
    holes = [rest for hole in subtract(whole, covers) for rest in subtract(hole, running)]
    return list(covers) if holes else [whole]


def _seconds(job: Job, catalog: Catalog, span: Window) -> list[int]:
    """When the published records around ``span`` happened, ascending."""
    expected = Expected(job.lake, job.dataset.time_field, job.dataset.key, {})
    seconds: list[int] = []
    for file in catalog.published(span):
        with readable(file.path):
            seconds += expected.seconds(file).to_pylist()
    return seconds
