"""Ordering a report, looking at the list of reports, and downloading one."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import orjson

from harvester.datasets import CALLS, DATASETS, Dataset
from harvester.emulator.account import ordered
from harvester.emulator.answers import Answer
from harvester.emulator.calls import EVERYTHING
from harvester.emulator.filters import call_filter
from harvester.emulator.histories import parts_of, selection_of
from harvester.emulator.paging import bounds
from harvester.emulator.parameters import Parameters, integer, nested, second, span, text, texts, truth
from harvester.emulator.question import Setting
from harvester.emulator.refusals import Code, Refusal
from harvester.emulator.render import DAY, Parts, gzipped
from harvester.emulator.report_csv import csv_of
from harvester.emulator.shelf import Made, Ordered

OCTETS = "application/octet-stream"
_STORED_DAYS = 30
_TYPES = {item.report.history_type: item for item in DATASETS.values() if item.report is not None}
_OTHER_TYPES = {"all", "call_list", "transactions_on_hold"}
_COUNTED = {"calls": "session", "calls_brief": "session", "transactions": "transaction", "audit": "audit_log"}


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a report, as it came."""

    dataset: str
    asker: int
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, dataset: Dataset, _setting: Setting, parameters: Parameters, asker: int) -> "Order":
        """Take the parameters; they are judged when it is acted upon."""
        sent = {name: value for name, value in parameters.items() if name != "cmd"}
        return cls(dataset.name, asker, tuple(sorted(sent.items())))

    def act(self, setting: Setting) -> Answer:
        """Put the report on the shelf.

        Raises:
            Refusal: Whatever is wrong with the parameters, or code 515.
        """
        dataset, parameters = DATASETS[self.dataset], dict(self.parameters)
        assert dataset.report is not None  # noqa: S101  (tells the type checker what the methods are made of)
        behaviour, kind = setting.behaviour.reports, dataset.report.history_type
        _check_order(dataset, parameters)
        chosen = _chosen(setting, dataset, parameters, self.asker)
        with_header = truth(parameters, "with_header", default=True)
        loop = asyncio.get_running_loop()
        setting.shelf.check_repeated(behaviour, kind, parameters, loop.time())
        number, fails = setting.shelf.next_number(behaviour)
        make = partial(_made, setting, dataset, chosen, with_header=with_header)
        report = Ordered(
            id=number,
            history_type=kind,
            filters=parameters,
            account_id=self.asker,
            created=setting.now(),
            ordered=loop.time(),
            # In a thread: a large one takes longer than clients wait for the answer to their order.
            making=loop.run_in_executor(None, make),
            total=chosen.total,
            fails=fails,
        )
        setting.shelf.put(report)
        return Answer(orjson.dumps({"result": 1, "history_report_id": number}))


@dataclass(frozen=True, slots=True)
class ReportList:
    """``GetHistoryReports``."""

    asker: int
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, _setting: Setting, parameters: Parameters, asker: int) -> "ReportList":
        """Take the parameters."""
        return cls(asker, tuple(sorted(parameters.items())))

    def act(self, setting: Setting) -> Answer:
        """Answer with the reports that are wanted.

        Raises:
            Refusal: Codes 111, 371 or 496.
        """
        parameters, behaviour = dict(self.parameters), setting.behaviour.reports
        number, kinds = integer(parameters, "history_report_id"), set(texts(parameters, "history_type"))
        if kinds - _TYPES.keys() - _OTHER_TYPES:
            raise Refusal(Code.INVALID_HISTORY_TYPE, "The 'history_type' parameter is invalid.")
        since = second(parameters, "created_from") if text(parameters, "created_from") else 0
        at = asyncio.get_running_loop().time()
        found = [
            _shown(report, setting, at)
            for report in setting.shelf.held(behaviour, self.asker, at)
            if number in {None, report.id}
            and (not kinds - {"all"} or report.history_type in kinds)
            and report.created >= since
        ]
        if text(parameters, "is_completed") is not None:
            wanted = truth(parameters, "is_completed", default=True)
            found = [item for item in found if ("completed" in item) is wanted]
        if truth(parameters, "desc_order", default=False):
            found.reverse()
        first, most = integer(parameters, "offset") or 0, integer(parameters, "count") or 20
        page = found[first : first + most]
        body = orjson.dumps({"result": page, "total_count": len(found), "count": len(page)})
        return Answer(body, rows=len(page))


@dataclass(frozen=True, slots=True)
class Download:
    """``DownloadHistoryReport``."""

    asker: int
    number: int | None

    @classmethod
    def read(cls, _setting: Setting, parameters: Parameters, asker: int) -> "Download":
        """Take the number.

        Raises:
            Refusal: Code 496.
        """
        return cls(asker, integer(parameters, "history_report_id"))

    def act(self, setting: Setting) -> Answer:
        """Answer with the file.

        Raises:
            Refusal: Codes 355, 356 or 357.
        """
        behaviour, at = setting.behaviour.reports, asyncio.get_running_loop().time()
        held = {report.id: report for report in setting.shelf.held(behaviour, self.asker, at)}
        report = held.get(self.number or 0)
        if report is None:
            raise Refusal(Code.INVALID_CALL_HISTORY_REPORT_ID, "The history_report_id is invalid.")
        if not report.is_ready(behaviour, at):
            raise Refusal(Code.CALL_HISTORY_REPORT_IN_PROGRESS, "The report is in progress.")
        if report.fails:
            raise Refusal(Code.CALL_HISTORY_REPORT_GENERATION_FAILED, "The report generation failed.")
        report.downloads += 1
        made = report.making.result()
        if behaviour.compressed == "no":
            return Answer(made.file, rows=made.rows, content_type=OCTETS)
        encoded = behaviour.compressed == "encoding"
        return Answer(made.packed, rows=made.rows, gzip=encoded, content_type=OCTETS)


def _check_order(dataset: Dataset, parameters: Parameters) -> None:
    assert dataset.report is not None  # noqa: S101  (tells the type checker what the methods are made of)
    if parameters.get("output", "csv" if dataset.paged else "") != "csv":
        raise Refusal(Code.OUTPUT_FORMAT_IS_NOT_SUPPORTED, "The output format is not supported.")
    for name in ("with_total_count", *dataset.report.untaken):
        if name in parameters:
            raise Refusal(Code.FORBIDDEN_PARAMETER, f"The '{name}' parameter is not allowed.")


class _Chosen(NamedTuple):
    """The records of a report: those at the places ``[first, last)`` of ``indexes``."""

    indexes: Sequence[int]
    first: int
    last: int
    total: int
    parts: Parts
    descending: bool


def _chosen(setting: Setting, dataset: Dataset, parameters: Parameters, asker: int) -> _Chosen:
    account, behaviour = setting.account, setting.behaviour
    asked = span(parameters, behaviour, setting.now, zoned=dataset.zoned)
    parts: Parts
    indexes: Sequence[int]
    if dataset.key == CALLS.key:
        chosen = call_filter(parameters, setting, asker)
        # A brief report always has its calls, and nothing else that is nested.
        parts = nested(parameters if dataset.paged else {"with_calls": "true"})
        indexes = range(account.total) if chosen == EVERYTHING else account.matching(chosen)
    else:
        selection, parts = selection_of(dataset, setting, parameters, asker), parts_of(dataset, parameters)
        indexes = range(account.total) if selection is None else account.matching(selection)
    if (inclusive := behaviour.reports.inclusive) is not None:
        behaviour = replace(behaviour, from_inclusive=inclusive[0], to_inclusive=inclusive[1])
    start, end = bounds(account, behaviour, asked)
    low, high = bisect_left(indexes, start), bisect_left(indexes, end)
    first = low + (integer(parameters, "offset") or 0)
    limits = (integer(parameters, "count"), behaviour.reports.most_rows)
    most = min((most for most in limits if most is not None), default=high - low)
    descending = truth(parameters, "desc_order", default=False)
    return _Chosen(indexes, first, min(high, first + most), high - low, parts, descending)


def _made(setting: Setting, dataset: Dataset, chosen: _Chosen, *, with_header: bool) -> Made:
    entries = ordered(setting.account, chosen.indexes, chosen.first, chosen.last)
    if chosen.descending:
        entries.reverse()
    records = [orjson.loads(row) for row in setting.account.render(entries, chosen.parts)]
    behaviour = setting.behaviour
    file = csv_of(dataset, records, behaviour.reports, behaviour.seed, with_header=with_header)
    return Made(file, gzipped(file), len(records))


def _shown(report: Ordered, setting: Setting, at: float) -> dict[str, object]:
    behaviour = setting.behaviour.reports
    shown: dict[str, object] = {
        "history_report_id": report.id,
        "history_type": report.history_type,
        "created": _text(report.created),
        "format": "csv",
        "filters": dict(report.filters),
    }
    if not report.is_ready(behaviour, at):
        return shown
    if report.fails:
        failed = {"code": Code.CALL_HISTORY_REPORT_GENERATION_FAILED, "msg": "The report generation failed."}
        return shown | ({"error": failed} if behaviour.failed_look == "error" else {})
    made, completed = report.making.result(), report.created + behaviour.seconds
    noun = _COUNTED[report.history_type]
    counted = {
        f"{noun}_count": made.rows + behaviour.miscounted,
        f"total_{noun}_count": report.total,
        "timezone": "Etc/GMT",
    }
    return shown | {
        "completed": _text(completed),
        "file_name": f"{report.history_type}_{report.id}.csv",
        "file_size": len(made.file),
        "download_size": len(made.packed),
        "download_count": report.downloads,
        "store_until": _text(completed + (behaviour.kept or _STORED_DAYS * DAY))[:10],
        **({"calculated_data": counted} if behaviour.counted else {}),
    }


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
