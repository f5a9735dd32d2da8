"""What is refused, with which code."""

from typing import Any

import pytest

from harvester.datasets import CALLS
from harvester.emulator import Behaviour, ListedAccount, SyntheticAccount
from harvester.emulator.calls import CallQuestion
from harvester.emulator.parameters import Range
from harvester.emulator.question import Setting
from harvester.emulator.refusals import Refusal
from tests.emulator.asking import DAY, client_of, refused

ACCOUNT = SyntheticAccount(100, 1_716_940_800, 1_717_027_200, children=1)
NOW = 1_717_000_000.0


def _read(behaviour: Behaviour | None = None, /, **parameters: str) -> CallQuestion:
    setting = Setting(ACCOUNT, behaviour or Behaviour(), lambda: NOW)
    return CallQuestion.read(setting, parameters, ACCOUNT.account_id)


WRONG: list[tuple[dict[str, str], int]] = [
    ({"from_date": "2024-05-29"}, 111),
    ({"from_date": "2024-5-29 00:00:00"}, 111),
    ({"to_date": "2024-05-29T23:59:59"}, 111),
    ({"to_date": "2024-05-29 24:00:00"}, 111),
    ({"to_date": "yesterday"}, 111),
    ({"from_date": "2024-05-30 00:00:00"}, 123),
    ({"from_date": ""}, 134),
    ({"to_date": ""}, 134),
    ({"timezone": "Europe/Moscow"}, 496),
    ({"timezone": "auto"}, 496),
    ({"count": "many"}, 496),
    ({"count": "1.5"}, 496),
    ({"count": "²"}, 496),
    ({"count": "9" * 30}, 496),
    ({"count": "0"}, 497),
    ({"count": "-1"}, 497),
    ({"count": "1001"}, 497),
    ({"offset": "x"}, 496),
    ({"offset": "-1"}, 497),
    ({"offset": "10001"}, 497),
    ({"with_calls": "yes"}, 496),
    ({"desc_order": "2"}, 496),
    ({"with_total_count": "null"}, 496),
    ({"call_session_history_id": "1;x"}, 496),
    ({"call_session_history_id": ";".join(map(str, range(1001)))}, 499),
    ({"application_id": "1"}, 116),
    ({"application_id": "app"}, 496),
    ({"application_name": "nothing"}, 107),
    ({"application_id": "10733204", "application_name": "app.account.voximplant.com"}, 458),
    ({"rule_name": "incoming"}, 134),
    ({"application_id": "10733204", "rule_name": "nothing"}, 156),
    ({"user_id": "1;2300101"}, 117),
    ({"remote_number_list": "[1]"}, 496),
    ({"remote_number_list": "[,"}, 496),
    ({"remote_number_list": '{"0":"1"}'}, 496),
    ({"child_account_id": "1"}, 194),
    ({"child_account_id": "none"}, 496),
    ({"children_calls_only": "maybe"}, 496),
    ({"output": "csv"}, 105),
    ({"is_async": "true"}, 492),
]


@pytest.mark.parametrize(("parameters", "code"), WRONG, ids=[str(names)[:60] for names, _ in WRONG])
def test_wrong_parameters(parameters: dict[str, str], code: int) -> None:
    """Each mistake has its code."""
    with refused(code):
        _read(**DAY | parameters)


RIGHT: list[dict[str, str]] = [
    {"timezone": "Etc/GMT"},
    {"timezone": "UTC"},
    {"count": "1000", "offset": "10000"},
    {"from_date": DAY["to_date"]},
    {"call_session_history_id": "1;2;1;"},
    {"output": "json", "is_async": "false"},
    {"child_account_id": str(ACCOUNT.account_id + 1)},
    {"remote_number": ";;", "unheard_of": "x"},
]


@pytest.mark.parametrize("parameters", RIGHT)
def test_right_parameters(parameters: dict[str, str]) -> None:
    """The limits themselves are within the limits; unknown names do not matter."""
    assert _read(**DAY | parameters).range.end == 1_717_027_199


def test_caps_can_be_clamped() -> None:
    """A server that clamps takes its caps instead of what is beyond them, and refuses what is below."""
    clamping = Behaviour(beyond_cap="clamp")
    question = _read(clamping, **DAY, count="5000", offset="99999")
    assert (question.slice.count, question.slice.offset) == (CALLS.page_size, CALLS.max_offset)
    with refused(497):
        _read(clamping, **DAY, offset="-1")


def test_caps_can_be_others() -> None:
    """A server may have smaller caps than documented, so that few sessions need what a million would."""
    small = Behaviour(page_size=3, max_offset=6)
    question = _read(small, **DAY, count="3", offset="6")
    assert (question.slice.count, question.slice.offset) == (3, 6)
    for beyond in ({"count": "4"}, {"offset": "7"}):
        with refused(497):
            _read(small, **DAY | beyond)


@pytest.mark.parametrize(("days", "refused"), [(0, True), (1, False), (None, False)])
def test_widest_range(days: int | None, refused: bool) -> None:  # noqa: FBT001
    """A range wider than allowed is refused, and the message says how wide it may be."""
    dates = {"from_date": "2024-05-29 00:00:00", "to_date": "2024-05-30 00:00:00"}
    if refused:
        with pytest.raises(Refusal, match=r"569: .* 0 days"):
            _read(Behaviour(max_days=days), **dates)
    else:
        assert _read(Behaviour(max_days=days), **dates).range.start == 1_716_940_800


def test_missing_dates_can_mean_a_month() -> None:
    """A lenient server answers for the last 30 days, and warns; one date alone is not enough."""
    lenient = Behaviour(missing_dates="month")
    asked = _read(lenient).range
    assert asked == Range(int(NOW) - 30 * 86_400, int(NOW), asked.warnings)
    assert len(asked.warnings) == 2
    with refused(134):
        _read(lenient, from_date=DAY["from_date"])


def test_a_child_has_no_children() -> None:
    """A child that asks for children is refused; its own sessions are its default."""
    child = ACCOUNT.children[0]
    setting = Setting(ACCOUNT, Behaviour(), lambda: NOW)
    assert CallQuestion.read(setting, DAY, child).filter.only == frozenset({child})
    with refused(194):
        CallQuestion.read(setting, {**DAY, "child_account_id": str(child)}, child)


async def test_the_lenient_answer_warns() -> None:
    """The warnings are in the answer, as they were seen in a real one."""
    async with client_of(ListedAccount(), Behaviour(missing_dates="month")) as client:
        answer: dict[str, Any] = await client.ask()
        assert "warnings" not in await client.ask(**DAY)
    assert [text.split()[1] for text in answer["warnings"]] == ["from_date", "to_date"]
