"""The vendor's histories as data: what to ask, what comes back, how far one question reaches.

Adding a dataset is adding a value here; no other module names a vendor's method or field.
Source of every figure: the vendor's reference page of the method (``GetCallHistory`` and its neighbours).
Where that page is silent, as about the caps of some, the value says so, and the program asks.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from harvester.history import Children, Content, Dataset, Field, Filter, Kind, Sign, Switch, fields_of
from harvester.report_methods import AUDIT_LINES, BRIEF_LINES, CALL_LINES, TRANSACTION_LINES
from harvester.session_fields import CALL, RECORD, RESOURCE_USAGE

__all__ = ["ACD", "AUDIT", "BRIEF_CALLS", "CALLS", "DATASETS", "TRANSACTIONS"]
__all__ += ["Content", "Dataset", "Field", "Filter", "Kind", "Sign", "Switch"]


APPLICATION = Filter("application_id", "of this application", Kind.INTEGER)
USER = Filter("user_id", "of this user", Kind.INTEGER, several=True)
RULE = Filter(
    "rule_name",
    "of this routing rule (needs --application-id)",
    needs="application_id",
    because="the API takes a rule only within an application",
)
OF_CHILDREN = "of child accounts"
CHILD = Filter("child_account_id", "of the account and this child account", Kind.INTEGER, several=True)

CALLS = Dataset(
    name="calls",
    method="GetCallHistory",
    roles=("Owner", "Admin", "Developer", "Supervisor", "Support"),
    key="call_session_history_id",
    time_field="start_date",
    page_size=1_000,
    max_offset=10_000,
    switches=MappingProxyType(
        {
            "calls": Switch("with_calls", "the calls of a session", ("calls",)),
            "records": Switch("with_records", "its recordings", ("records",)),
            "resources": Switch(
                "with_other_resources", "its other resource usage", ("other_resource_usage",), unsaid=True
            ),
        }
    ),
    filters=MappingProxyType(
        {
            "application_id": APPLICATION,
            "user_id": USER,
            "rule_name": RULE,
            "remote_number": Filter("remote_number", "with this number", several=True),
            "local_number": Filter("local_number", "with this number of yours", several=True),
            "custom_data": Filter("call_session_history_custom_data", "with this custom data"),
            "child_account_id": CHILD,
            "children_calls_only": Filter("children_calls_only", OF_CHILDREN, Kind.BOOLEAN),
        }
    ),
    narrowing=("application_id", "rule_name", "user_id"),
    running="active",
    unfinished=(
        Sign("calls", "cost"),  # a failed leg has 0
        Sign("records", "cost"),
        Sign("other_resource_usage", "cost"),
        Sign("records", "transcription_status", ("Complete", "Not required")),
    ),
    noun="sessions",
    report=CALL_LINES,
    children=Children("child_account_id", "children_calls_only"),
    fields=(
        *fields_of(Kind.INTEGER, "call_session_history_id account_id application_id"),
        *fields_of(Kind.TEXT, "application_name rule_name"),
        Field("user_id", Kind.INTEGER),
        Field("start_date", Kind.INSTANT),
        Field("duration", Kind.INTEGER),
        *fields_of(Kind.TEXT, "initiator_address media_server_address"),  # IP addresses, both
        Field("log_file_url", Kind.TEXT, content=Content.URL),
        *fields_of(Kind.TEXT, "finish_reason custom_data audio_quality"),
        Field("active", Kind.BOOLEAN),
        Field("calls", Kind.LIST, CALL),
        Field("other_resource_usage", Kind.LIST, RESOURCE_USAGE, table="resources"),
        Field("records", Kind.LIST, RECORD),
    ),
)

# GetBriefCallHistory has no pages: its sessions are those that GetCallHistory counts.
_BRIEF_FILTERS = ("application_id", "rule_name", "remote_number", "local_number", "custom_data")
BRIEF_CALLS = replace(
    CALLS,
    name="brief_calls",
    switches=MappingProxyType({}),
    filters=MappingProxyType({name: CALLS.filters[name] for name in _BRIEF_FILTERS}),
    narrowing=(),
    report=BRIEF_LINES,
    children=None,  # its reference page names neither parameter
    paged=False,
    fields=tuple(item for item in CALLS.fields if item.name not in {"other_resource_usage", "records"}),
)

# Left out: use_accounting_dates, a time that no record shows; is_uncommitted, the history of money on hold.
TRANSACTIONS = Dataset(
    name="transactions",
    method="GetTransactionHistory",
    roles=("Owner", "Admin", "Accountant", "Payer"),
    key="transaction_id",
    time_field="performed_at",
    page_size=1_000,
    max_offset=10_000,
    switches=MappingProxyType(
        {"extended_info": Switch("with_extended_info", "what a transaction was for; lands in 'extra'")}
    ),
    filters=MappingProxyType(
        {
            "transaction_type": Filter("transaction_type", "of this type", several=True),
            "user_id": USER,
            "application_id": APPLICATION,
            "subscription_id": Filter("subscription_id", "of this subscription", Kind.INTEGER, several=True),
            "resource_type": Filter("resource_type", "for this type of resource", several=True),
            "price_group_name": Filter("price_group_name", "of this price group", several=True),
            "child_account_id": CHILD,
            "children_transactions_only": Filter("children_transactions_only", OF_CHILDREN, Kind.BOOLEAN),
        }
    ),
    narrowing=("transaction_type",),
    noun="transactions",
    report=TRANSACTION_LINES,
    children=Children("child_account_id", "children_transactions_only"),
    row_bytes=15.0,
    fields=(
        Field("transaction_id", Kind.INTEGER),
        Field("account_id", Kind.DIGITS),  # typed text by the vendor, a number in every other history
        Field("performed_at", Kind.INSTANT),
        Field("amount", Kind.NUMBER),
        *fields_of(Kind.TEXT, "currency transaction_type transaction_description"),
        Field("payment_reference", Kind.TEXT),  # only in the vendor's Java client
    ),
)

ACD = Dataset(
    name="acd",
    method="GetACDHistory",
    roles=("Owner", "Admin", "Developer", "Supervisor", "User manager"),
    key="acd_session_history_id",
    time_field="begin_time",
    page_size=1_000,
    max_offset=10_000,
    caps_published=False,
    switches=MappingProxyType({"events": Switch("with_events", "the events of an ACD session", ("events",))}),
    filters=MappingProxyType(
        {
            "acd_queue_id": Filter("acd_queue_id", "of this ACD queue", Kind.INTEGER, several=True),
            "user_id": USER,
            "min_waiting_time": Filter("min_waiting_time", "that waited so many seconds", Kind.INTEGER),
            "unserviced": Filter("unserviced", "that nobody took", Kind.BOOLEAN),
        }
    ),
    narrowing=("acd_queue_id", "user_id"),
    noun="sessions",
    asks_total=False,
    zoned=False,
    row_bytes=55.0,
    fields=(
        Field("acd_session_history_id", Kind.INTEGER),
        Field("acd_request_id", Kind.TEXT),
        Field("account_id", Kind.INTEGER),
        Field("begin_time", Kind.INSTANT),
        *fields_of(Kind.INTEGER, "priority acd_queue_id user_id"),
        *fields_of(Kind.INTEGER, "waiting_duration in_service_duration after_service_duration"),
        Field(
            "events",
            Kind.LIST,
            (
                Field("acd_session_event_id", Kind.INTEGER),
                Field("time", Kind.INSTANT),
                Field("type", Kind.TEXT),
                Field("user_id", Kind.INTEGER),
                Field("custom_data", Kind.TEXT),
            ),
        ),
    ),
)

AUDIT = Dataset(
    name="audit",
    method="GetAuditLog",
    roles=("Owner",),
    key="audit_log_id",
    time_field="requested",
    page_size=1_000,
    max_offset=10_000,
    caps_published=False,
    filters=MappingProxyType(
        {
            "cmd_name": Filter("filtered_cmd", "of this method", several=True),
            "ip": Filter("filtered_ip", "from this address", several=True),
            "subuser_id": Filter(
                "filtered_admin_user_id", "by this user of the panel", Kind.INTEGER, several=True
            ),
        }
    ),
    narrowing=("cmd_name", "ip"),
    noun="entries",
    report=AUDIT_LINES,
    usual_count=100,
    total_unasked=False,
    row_bytes=20.0,
    fields=(
        *fields_of(Kind.INTEGER, "audit_log_id account_id"),
        Field("requested", Kind.INSTANT),
        *fields_of(Kind.TEXT, "ip cmd_name"),
        # Objects in the vendor's sample, texts in a client's types.
        *fields_of(Kind.JSON, "cmd_args cmd_result"),
        Field("subuser_id", Kind.INTEGER),
        Field("subuser_name", Kind.TEXT),
    ),
)

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {dataset.name: dataset for dataset in (CALLS, BRIEF_CALLS, TRANSACTIONS, ACD, AUDIT)}
)
