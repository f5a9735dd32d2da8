"""What narrows a history: whose sessions they are, and the filters of ``GetCallHistory``."""

from collections.abc import Iterator
from dataclasses import dataclass

from harvester.datasets import CALLS, Dataset
from harvester.emulator.account import Account, Record
from harvester.emulator.parameters import Parameters, integer, integers, json_texts, text, texts, truth
from harvester.emulator.question import Setting
from harvester.emulator.refusals import Code, Refusal

NO_TEXTS: frozenset[str] = frozenset()
NO_IDS: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Filter:
    """A predicate on whole sessions; what is ``None`` or empty lets every session through.

    Attributes:
        left_out: Accounts whose sessions are not wanted.
        only: Accounts whose sessions alone are wanted; here an empty set lets none through.
        application_id: Exact.
        application_name: Exact.
        users: Any of them.
        rule_name: Exact.
        remote_numbers: Any leg with any of them.
        local_numbers: Likewise.
        custom_data: Exact, the session's.
        shortest: Least duration, in seconds.
        longest: Most duration, in seconds.
    """

    left_out: frozenset[int] = NO_IDS
    only: frozenset[int] | None = None
    application_id: int | None = None
    application_name: str | None = None
    users: frozenset[int] = NO_IDS
    rule_name: str | None = None
    remote_numbers: frozenset[str] = NO_TEXTS
    local_numbers: frozenset[str] = NO_TEXTS
    custom_data: str | None = None
    shortest: int | None = None
    longest: int | None = None

    def __call__(self, record: Record) -> bool:
        """Whether the session is wanted."""
        return all(self._judgements(record))

    def _judgements(self, record: Record) -> Iterator[bool]:
        owner = record.get("account_id")
        yield owner not in self.left_out
        yield self.only is None or owner in self.only
        for key in ("application_id", "application_name", "rule_name", "custom_data"):
            wanted = getattr(self, key)
            yield wanted is None or wanted == record.get(key)
        yield not self.users or record.get("user_id") in self.users
        yield not self.remote_numbers or any(self.remote_numbers & _numbers(record, "remote_number"))
        yield not self.local_numbers or any(self.local_numbers & _numbers(record, "local_number"))
        duration = record.get("duration", 0)
        yield isinstance(duration, int) and (self.shortest or 0) <= duration
        yield isinstance(duration, int) and (self.longest is None or duration <= self.longest)


def call_filter(parameters: Parameters, setting: Setting, asker: int) -> Filter:
    """Read the filters of ``GetCallHistory`` for an ``asker`` that is the account or one of its children.

    Raises:
        Refusal: Codes 107, 116, 117, 134, 156, 194, 458 or 496.
    """
    application_id = integer(parameters, "application_id")
    application_name, rule_name = text(parameters, "application_name"), text(parameters, "rule_name")
    if application_id is not None and application_name is not None:
        raise Refusal(
            Code.ONLY_ONE_OF_PARAMETERS, "Only one of application_id and application_name may be used."
        )
    if rule_name is not None and application_id is None and application_name is None:
        raise Refusal(Code.REQUIRED_IS_EMPTY, "The 'application_id' parameter is required.")
    left_out, only = owners(parameters, setting, asker, CALLS)
    wanted = Filter(
        left_out=left_out,
        only=only,
        application_id=application_id,
        application_name=application_name,
        users=frozenset(integers(parameters, "user_id")),
        rule_name=rule_name,
        remote_numbers=frozenset(
            json_texts(parameters, "remote_number_list") or texts(parameters, "remote_number")
        ),
        local_numbers=frozenset(texts(parameters, "local_number")),
        custom_data=text(parameters, "call_session_history_custom_data"),
        shortest=integer(parameters, "min_duration"),
        longest=integer(parameters, "max_duration"),
    )
    _check_known(wanted, setting.account)
    return wanted


def owners(
    parameters: Parameters, setting: Setting, asker: int, dataset: Dataset
) -> tuple[frozenset[int], frozenset[int] | None]:
    """Whose records are left out, and whose alone are wanted; the parent's are those of no child.

    Raises:
        Refusal: Codes 194 or 496.
    """
    is_parent, asked = asker == setting.account.account_id, dataset.children
    children = frozenset(setting.account.children if is_parent else ())
    if asked is None:
        return (children, None) if is_parent else (NO_IDS, frozenset({asker}))
    behaviour, every = setting.behaviour, parameters.get(asked.named) == "all"
    named = children if every else frozenset(integers(parameters, asked.named))
    if not named <= children or named & behaviour.refused_children:
        raise Refusal(Code.INVALID_CHILD_ACCOUNT_ID, "The child_account_id is invalid.")
    if truth(parameters, asked.only, default=False):
        return NO_IDS, children if behaviour.children_only_ignores_ids else named or children
    if not is_parent:
        return NO_IDS, frozenset({asker})
    return NO_IDS if behaviour.includes_children and not named else children - named, None


def _check_known(wanted: Filter, account: Account) -> None:
    asked = (
        ("application_id", {wanted.application_id}, Code.INVALID_APPLICATION_ID),
        ("application_name", {wanted.application_name}, Code.INVALID_APPLICATION_NAME),
        ("rule_name", {wanted.rule_name}, Code.INVALID_RULE_NAME),
        ("user_id", wanted.users, Code.INVALID_USER_ID),
    )
    for key, values, code in asked:
        named = values - {None}
        if named and not named <= {sample.get(key) for sample in account.samples}:
            raise Refusal(code, f"The '{key}' parameter is invalid.")


def _numbers(record: Record, key: str) -> set[str]:
    calls = record.get("calls", ())
    legs = calls if isinstance(calls, list | tuple) else ()
    return {leg[key] for leg in legs if key in leg}
