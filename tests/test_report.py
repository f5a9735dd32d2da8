import json

from harvester.report import Report
from harvester.window import Gap, Window

DAY = Window(1_716_940_800, 1_717_027_200)
DAY_AS_JSON = {"from": "2024-05-29 00:00:00", "to": "2024-05-30 00:00:00"}
SECOND_AS_JSON = {"from": "2024-05-29 00:00:00", "to": "2024-05-29 00:00:01"}


def test_a_report_is_plain_json() -> None:
    """Every figure under its name; spans, gaps and unknown keys as objects."""
    second = Window(DAY.start, DAY.start + 1)
    report = Report(
        outcome="gaps",
        asked=DAY,
        settled=second,
        run=7,
        seconds=1.23456,
        rows=40,
        gaps=(Gap(second, None, 3, "why"),),
        unknown=(("new_key", 5),),
    )
    plain = json.loads(json.dumps(report.as_json()))
    assert set(plain) == set(Report.__slots__)
    assert (
        plain
        | {
            "outcome": "gaps",
            "asked": DAY_AS_JSON,
            "settled": SECOND_AS_JSON,
            "run": 7,
            "seconds": 1.235,
            "rows": 40,
            "gaps": [{**SECOND_AS_JSON, "expected": None, "received": 3, "reason": "why"}],
            "unknown": {"new_key": 5},
        }
        == plain
    )


def test_a_report_of_nothing_to_do_says_so() -> None:
    """What is not settled is ``null``, and no figure is made up."""
    plain = Report(outcome="complete", asked=DAY, settled=None).as_json()
    assert (plain["settled"], plain["run"], plain["planned"]) == (None, None, None)
    assert (plain["rows"], plain["requests"], plain["gaps"], plain["unknown"]) == (0, 0, [], {})
