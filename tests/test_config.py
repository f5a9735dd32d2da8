import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harvester import notation
from harvester.account import Account
from harvester.config import Job
from harvester.datasets import ACD, AUDIT, BRIEF_CALLS, CALLS, Dataset
from harvester.errors import ConfigError
from harvester.window import Window

MAY_29 = 1_716_940_800  # 2024-05-29 00:00:00 UTC
HOUR, DAY = 3_600, 86_400
RATES = "must be from 0.00001 (one a day, about) to 1,000,000 requests per second, or 'none'"
NAMES = "lower-case letters, digits and _ only, beginning with a letter, 63 at most"


def job(**settings: Any) -> Job:
    """A job over one day, with what a test cares about."""
    defaults: dict[str, Any] = {
        "dataset": CALLS,
        "name": "calls",
        "window": Window(MAY_29, MAY_29 + DAY),
        "lake": Path("lake"),
        "credentials": Path("key.json"),
    }
    return Job(**defaults | settings)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2024-05-29", MAY_29),
        ("1970-01-01", 0),
        ("2024-02-29", 1_709_164_800),
        ("2024-05-29T15:05:26", MAY_29 + 54_326),
        ("2024-05-29 15:05:26", MAY_29 + 54_326),
        ("2024-05-29T10:00", MAY_29 + 10 * HOUR),
        ("2024-05-29T10", MAY_29 + 10 * HOUR),
        ("2024-05-29T15:05:26Z", MAY_29 + 54_326),
        ("2024-05-29T15:05:26+00:00", MAY_29 + 54_326),
        ("2024-05-29T02:00:00+02:00", MAY_29),
        ("2024-05-28T19:00:00-05:00", MAY_29),
        ("2024-05-29T05:30:00+05:30", MAY_29),
        ("2024-05-29T00:00:00.000000", MAY_29),
    ],
)
def test_an_instant_is_utc_unless_it_has_an_offset(text: str, second: int) -> None:
    """ISO 8601 days and seconds, as people and TOML write them."""
    assert notation.instant("--from", text) == second


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "29.05.2024",
        "2024-13-01",
        "2024-02-30",
        "2024-05-29T25:00",
        "1716940800",
    ],
)
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    """The sentence names the option and the text, and shows how to write it."""
    with pytest.raises(ConfigError) as refused:
        notation.instant("--to", text)
    assert str(refused.value) == (
        f"--to {text!r} is no date: write 2024-05-29 or 2024-05-29T15:05:26, with +02:00 if not UTC"
    )


@pytest.mark.parametrize("text", ["2024-05-29T00:00:00.5", "2024-05-29T00:00:00.000001Z"])
def test_fractions_of_a_second_are_refused(text: str) -> None:
    """Rounding a bound would move records across it, silently."""
    with pytest.raises(ConfigError, match=r"^--from '.*' has fractions of a second; the API knows whole"):
        notation.instant("--from", text)


@pytest.mark.parametrize("text", ["0001-01-01", "1000-01-01T23:59:59", "1000-01-02T00:00:00+00:01"])
def test_what_no_question_can_begin_before_is_refused(text: str) -> None:
    """Questions may begin a little before the range, and a year has four digits."""
    with pytest.raises(
        ConfigError, match=f"^--from {re.escape(repr(text))} is too early: nothing before 1000-"
    ):
        notation.instant("--from", text)
    assert notation.instant("--from", "1000-01-02") == -30_610_137_600


def test_a_span_is_half_open() -> None:
    """From the first instant up to the last, in seconds."""
    assert notation.span("2024-05-29", "2024-05-30") == Window(MAY_29, MAY_29 + DAY)


@pytest.mark.parametrize(
    ("start", "end", "what"),
    [
        ("2024-05-30", "2024-05-29", "the range is reversed"),
        ("2024-05-29", "2024-05-29", "the range is empty"),
        ("2024-05-29T02:00+02:00", "2024-05-29", "the range is empty"),
        ("2024-05-29T00:00:01", "2024-05-29", "the range is reversed"),
    ],
)
def test_a_span_without_seconds_is_refused(start: str, end: str, what: str) -> None:
    """Reversed and empty ranges are told apart, and the sentence says that the end is exclusive."""
    with pytest.raises(ConfigError) as refused:
        notation.span(start, end)
    assert str(refused.value) == f"{what}: --from {start} must be before --to {end} (the end is exclusive)"


@pytest.mark.parametrize(("start", "end"), [("soon", "2024-05-29"), ("2024-05-29", "later")])
def test_a_span_names_the_option_that_is_malformed(start: str, end: str) -> None:
    """Which of the two dates is wrong is part of the sentence."""
    option = "--from 'soon'" if start == "soon" else "--to 'later'"
    with pytest.raises(ConfigError, match=f"^{option} is no date"):
        notation.span(start, end)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", HOUR), ("2d", 2 * DAY), ("45", 45), ("0", 0), ("0s", 0)],
)
def test_a_duration_has_a_unit_or_is_seconds(text: str, seconds: int) -> None:
    """The four units, and a plain number."""
    assert notation.duration("--settle", text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "-1h", "1.5h", "1 h", "1w", "1H", "1h30m", "one hour", "9" * 5_000]
)
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    """Negative, broken and unknown durations: one sentence, one remedy."""
    with pytest.raises(ConfigError) as refused:
        notation.duration("--settle", text)
    assert str(refused.value) == f"--settle {text!r} is not a duration: write 90s, 15m, 1h or 2d"


@pytest.mark.parametrize(
    ("text", "number"), [("8", 8.0), ("0.5", 0.5), ("1e2", 100.0), ("none", None), ("None", None)]
)
def test_a_rate_is_a_number_or_none(text: str, number: float | None) -> None:
    """``none`` lifts the budget; a fraction is a request every few seconds."""
    assert notation.rate("--rate", text) == number


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fast", "--rate 'fast' is neither a number of requests per second nor 'none'"),
        ("", "--rate '' is neither a number of requests per second nor 'none'"),
        *((text, f"--rate {text!r} {RATES}") for text in ("0", "-1", "nan", "inf", "1e-300", "1e300")),
    ],
)
def test_what_is_no_rate_is_refused(text: str, sentence: str) -> None:
    """Only a number that can be meant is a budget."""
    with pytest.raises(ConfigError) as refused:
        notation.rate("--rate", text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"concurrency": 0}, "--concurrency must be at least 1, and 10,000 at most"),
        ({"rate": 0.0}, f"--rate {RATES}"),
        ({"rate": float("nan")}, f"--rate {RATES}"),
        (
            {"filters": {"rule_name": "queue"}},
            "--rule-name needs --application-id: the API takes a rule only within an application",
        ),
        *(
            (
                {"name": name},
                f"--name {name!r} is not usable: {NAMES}",
            )
            for name in ("", "2024", "Calls", "1st", "_x", "a-b", "a/b", "..", "имя", "a\n", "a" * 64)
        ),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(settings: dict[str, Any], sentence: str) -> None:
    """Each refusal is one sentence that names the option."""
    with pytest.raises(ConfigError) as refused:
        job(**settings)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "settings",
    [
        {"rate": None},
        {"rate": 0.1},
        {"concurrency": 1},
        {"name": "a" * 63},
        {"name": "sales_2024"},
        {"filters": {"rule_name": "queue", "application_id": "7"}},
    ],
)
def test_a_job_at_the_bounds_is_taken(settings: dict[str, Any]) -> None:
    """What is just allowed is allowed."""
    assert job(**settings).shared


def test_identity_is_what_makes_histories_different() -> None:
    """Dataset, partitioning, every switch and the filters; not the range, the rate or the place."""
    plain = job(switches={"records": False}, filters=MappingProxyType({"application_id": "7"}))
    assert plain.identity == {
        "dataset": "calls",
        "partition": "day",
        "calls": True,
        "records": False,
        "resources": True,
        "application_id": "7",
    }
    assert job(rate=1.0, concurrency=2, lake=Path("x"), settle=0).identity == job().identity
    assert job(partition="month").identity != job().identity


def test_questions_share_switches_and_filters_by_the_vendor_s_names() -> None:
    """Every switch is said in words, because the vendor's defaults differ; a filter only if it was given."""
    shared = job(switches={"calls": False}, filters={"custom_data": "a", "user_id": "1;2"}).shared
    assert shared == {
        "with_calls": "false",
        "with_records": "true",
        "with_other_resources": "true",
        "call_session_history_custom_data": "a",
        "user_id": "1;2",
    }


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (MAY_29 + 2 * DAY, MAY_29 + DAY),
        (MAY_29 + DAY + HOUR, MAY_29 + DAY),
        (MAY_29 + DAY + 0.9, MAY_29 + DAY - HOUR),
        (MAY_29 + HOUR + 1.5, MAY_29 + 1),
    ],
)
def test_the_settled_part_ends_the_lag_before_now(now: float, end: int) -> None:
    """A second counts as final when all of the lag has passed since."""
    assert job(settle=HOUR).settled(now) == Window(MAY_29, end)


@pytest.mark.parametrize("now", [MAY_29 + 0.5, MAY_29 + HOUR, MAY_29 + HOUR + 0.9])
def test_nothing_may_be_settled_yet(now: float) -> None:
    """A range that has begun but is younger than the lag is no error."""
    assert job(settle=HOUR).settled(now) is None


@pytest.mark.parametrize("now", [MAY_29, MAY_29 - 1.0])
def test_a_range_in_the_future_is_refused(now: float) -> None:
    """It cannot be what was meant."""
    with pytest.raises(ConfigError, match=r"^--from 2024-05-29 00:00:00 lies in the future$"):
        job().settled(now)


CHILD = Account(5, is_child=True)
OF_CHILD = {"account": CHILD, "name": "calls/account_id=5"}


@pytest.mark.parametrize("dataset", [ACD, AUDIT, BRIEF_CALLS], ids=lambda dataset: dataset.name)
def test_a_method_that_knows_no_children_is_asked_by_token(dataset: Dataset) -> None:
    """The other way is refused, in a sentence that says what to do; the parent itself needs neither."""
    settings = {"dataset": dataset, "name": f"{dataset.name}/account_id=5", "account": CHILD}
    assert job(**settings).issuer == 5
    with pytest.raises(ConfigError, match=f"{dataset.name} has no parameter for child accounts"):
        job(**settings, children_by="parameter")
    own = Account(5, is_child=False)
    assert job(**settings | {"account": own}, children_by="parameter").issuer is None


@pytest.mark.parametrize("name", ["child_account_id", "children_calls_only"])
def test_the_filters_of_children_and_accounts_contradict_each_other(name: str) -> None:
    """Both say whose records are meant."""
    with pytest.raises(ConfigError, match="and --accounts contradict each other"):
        job(**OF_CHILD, filters={name: "6"})


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("calls/account_id=5", None),
        ("calls", CHILD),
        ("calls/account_id=6", CHILD),
        ("recordings/account_id=5", CHILD),
        ("Calls/account_id=5", CHILD),
    ],
)
def test_a_name_says_whose_it_is(name: str, account: Account | None) -> None:
    """Neither without the account, nor of another."""
    with pytest.raises(ConfigError, match="is not usable"):
        job(name=name, account=account)
