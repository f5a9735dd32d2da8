"""What makes two datasets different, and the sentence that says so."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from harvester.account import apart
from harvester.errors import DatasetError, LakeError

# What an identity does not say because it is as usual: it need not change when an option is new.
_UNSAID: Mapping[str, object] = MappingProxyType({"tables": "nested"})


def compare(name: str, kept: Mapping[str, object], asked: Mapping[str, object]) -> None:
    """Refuse to go on with a dataset otherwise than it was started.

    Raises:
        DatasetError: ``asked`` is not what was ``kept``.
    """
    kept, asked = {**_UNSAID, **kept}, {**_UNSAID, **asked}
    differences = [
        f"{option.replace('_', '-')} is {_shown(kept.get(option))} there and {_shown(asked.get(option))} here"
        for option in sorted({*kept, *asked})
        if kept.get(option) != asked.get(option)
    ]
    if differences:
        raise DatasetError(
            f"the dataset {name!r} of this lake was started otherwise: {'; '.join(differences)}."
            " Give another --lake, or another --name in this one"
        )


def check_apart(name: str, held: Iterable[str]) -> None:
    """Refuse to keep accounts apart in one dataset and not in another: readers could not tell.

    Raises:
        LakeError: One of those ``held`` is not as ``name`` would be.
    """
    is_apart = apart(name)[1] is not None
    other = next((one for one in held if (apart(one)[1] is not None) != is_apart), None)
    if other is not None:
        raise LakeError(
            f"this lake holds {other!r}, harvested {'without' if is_apart else 'with'} --accounts, and a"
            " lake keeps accounts apart or it does not: give another --lake"
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
