"""``python -m tests.fuzz.run TARGET OPTIONS``: one target in this process, which libFuzzer ends."""

import sys

import atheris

from tests.fuzz.__main__ import KEPT

# Only what is imported here for the first time is instrumented: the seeds import the harvester too.
with atheris.instrument_imports(include=["harvester", "tomllib", "email"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.seeds import seeds


def main(name: str, *options: str) -> None:
    """Fuzz from the seeds, and from what was kept of runs before; does not return."""
    corpus, start = KEPT / name / "corpus", KEPT / name / "seeds"
    for folder in (corpus, start):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (start / f"{number:03}").write_bytes(seed)
    kept = f"-artifact_prefix={KEPT / name}/"
    atheris.Setup([sys.argv[0], *options, kept, str(corpus), str(start)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
