"""The vendor's report methods as data: what orders one, and which columns its CSV has.

The vendor publishes no list of the columns. Those of calls were seen: a line is a call, and its session's
columns come before it; those of recordings and other resources were not. Where nothing was seen, a column is
taken to be named as the field. A column of another name is kept under that name, in ``extra``.
"""

from dataclasses import replace
from types import MappingProxyType

from harvester.history import ReportMethod

ROLES = ("Owner", "Admin", "Supervisor", "Accountant", "Payer")
"""Key roles that may download a report, whoever may order it."""

CALL_LINES = ReportMethod(
    method="GetCallHistoryAsync",
    history_type="calls",
    columns=MappingProxyType({"session_id": "call_session_history_id"}),
    prefix="session_",
    lines="calls",
    line_prefix="call_",
    line_columns=MappingProxyType(
        {"call_id": "call_id", "call_end_code": "end_reason.code", "call_end_details": "end_reason.details"}
    ),
    line_key="call_id",
    without=("records", "resources"),
    sometimes=("user_id", "custom_data", "audio_quality"),
)

BRIEF_LINES = replace(CALL_LINES, method="GetBriefCallHistory", history_type="calls_brief", without=())

TRANSACTION_LINES = ReportMethod(
    method="GetTransactionHistoryAsync",
    history_type="transactions",
    without=("extended_info",),
    untaken=("with_extended_info",),
    sometimes=("payment_reference",),
)

AUDIT_LINES = ReportMethod(method="GetAuditLogAsync", history_type="audit")
