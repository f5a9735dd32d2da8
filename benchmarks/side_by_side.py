"""``python -m benchmarks.side_by_side COMMAND … -- COMMAND …``: several commands at once, as one.

Whoever measures this process measures all of them: the system adds the processor time of children that were
waited for.
"""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import groupby

SEPARATOR = "--"


def main(arguments: Sequence[str]) -> int:
    """Run them to their ends; returns the worst exit code."""
    commands = [
        list(words) for is_separator, words in groupby(arguments, SEPARATOR.__eq__) if not is_separator
    ]
    with ExitStack() as stack:
        running = [stack.enter_context(subprocess.Popen(command)) for command in commands]  # noqa: S603  (ours)
        return max(process.wait() for process in running)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
