"""What makes two datasets different, and the sentence that says so."""

from collections.abc import Mapping
from types import MappingProxyType

from harvester.errors import LakeError

# What an identity does not say because it is as usual: it need not change when an option is new.
_UNSAID: Mapping[str, object] = MappingProxyType({"tables": "nested"})


def compare(name: str, kept: Mapping[str, object], asked: Mapping[str, object]) -> None:
    """Refuse to go on with a dataset otherwise than it was started.

    Raises:
        LakeError: ``asked`` is not what was ``kept``.
    """
    kept, asked = {**_UNSAID, **kept}, {**_UNSAID, **asked}
    differences = [
        f"{option.replace('_', '-')} is {_shown(kept.get(option))} there and {_shown(asked.get(option))} here"
        for option in sorted({*kept, *asked})
        if kept.get(option) != asked.get(option)
    ]
    if differences:
        raise LakeError(
            f"the dataset {name!r} of this lake was started otherwise: {'; '.join(differences)}."
            " Give another --lake, or another --name in this one"
        )


def _shown(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return "on" if value else "off"
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
