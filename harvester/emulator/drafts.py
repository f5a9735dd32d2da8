"""What synthetic transactions, ACD sessions and audit entries look like, with the blanks of ``patterns``."""

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from harvester.datasets import ACD, AUDIT, CALLS, TRANSACTIONS
from harvester.emulator.patterns import APPLICATIONS, USER_ID, USERS, Owner, session

Drawn = Callable[[random.Random, Owner], dict[str, object]]

TYPES = ("resource_charge",) * 8 + (
    "subscription_charge",
    "card_payment",
    "refund",
    "money_transfer_to_child",
)
RESOURCES = ("PSTN_OUT", "PSTN_IN", "ASR", "TTS_YANDEX", "CALLSESSION")
PRICE_GROUPS = ("Russia Mobile", "Incoming PSTN RU", "All numbers")
DESCRIPTIONS = ("Outgoing call", "Оплата картой", 'A "quoted" reason; with \\', "")
QUEUES = (104_501, 104_502, 104_777)
EVENTS = ("ENQUEUE", "DISTRIBUTION", "ANSWERED", "HANGUP")
COMMANDS = ("AddUser", "SetUserInfo", "BindSkill", "AddSkill", "DelApplication", "GetCallHistory")
SUB_USERS = 5


def transaction(rng: random.Random, owner: Owner) -> dict[str, object]:
    """Draw a transaction. What extended info is called is not documented: these names are made up."""
    kind = rng.choice(TYPES)
    amount = round(rng.uniform(-5, 0) if kind.endswith("charge") else rng.uniform(10, 500), 4)
    application = rng.randrange(len(APPLICATIONS))
    return {
        "transaction_id": "int:{id}",
        "account_id": str(owner.account_id),
        "performed_at": "{at}",
        "amount": rng.choice((amount, amount, round(amount))),
        "currency": rng.choice(("USD", "USD", "RUR", "EUR")),
        "transaction_type": kind,
        **_sometimes(rng, 0.9, transaction_description=rng.choice(DESCRIPTIONS)),
        **_sometimes(rng, 0.1, payment_reference="invoice {id}"),
        **_sometimes(
            rng,
            0.7,
            application_id=owner.first_application + application,
            application_name=f"{APPLICATIONS[application]}.{owner.name}.voximplant.com",
            resource_type=rng.choice(RESOURCES),
            price_group_name=rng.choice(PRICE_GROUPS),
        ),
        **_sometimes(rng, 0.1, subscription_id=9_000 + rng.randrange(5), subscription_name="Number {id}"),
        **_sometimes(rng, 0.3, user_id=USER_ID + rng.randrange(USERS)),
    }


def acd_session(rng: random.Random, owner: Owner) -> dict[str, object]:
    """Draw a session of the legacy ACD with its events."""
    taken = rng.random() < 0.8  # noqa: PLR2004  (the rest hang up in the queue)
    operator = {"user_id": USER_ID + rng.randrange(USERS)} if taken else {}
    events = EVENTS if taken else (EVENTS[0], EVENTS[-1])
    times = ("{at}", "{soon}", "{soon}", "{later}")
    served = {"in_service_duration": rng.randrange(5, 600), "after_service_duration": rng.randrange(30)}
    return {
        "acd_session_history_id": "int:{id}",
        "acd_request_id": f"{rng.randbytes(8).hex()}-{{id}}",
        "account_id": owner.account_id,
        "begin_time": "{at}",
        "priority": rng.randrange(1, 11),
        "waiting_duration": rng.choice((0, 1, 9, 45, 300)),
        **_sometimes(rng, 0.95, acd_queue_id=rng.choice(QUEUES)),
        **operator,
        **(served if taken else {}),
        **_sometimes(
            rng,
            0.95,
            events=[
                {
                    "acd_session_event_id": f"int:{{id}}{number}",
                    "time": time,
                    "type": kind,
                    **(operator if number else {}),
                    **_sometimes(rng, 0.2, custom_data=rng.choice(("vip", "возврат", ""))),
                }
                for number, (kind, time) in enumerate(zip(events, times, strict=False))
            ],
        ),
    }


def audit_entry(rng: random.Random, owner: Owner) -> dict[str, object]:
    """Draw an entry of the audit log; what a method takes and answers is an object of any shape."""
    number = rng.randrange(SUB_USERS)
    arguments: dict[str, object] = {
        "user_name": f"user{rng.randrange(40)}",
        "user_id": USER_ID + rng.randrange(USERS),
        "skills": [{"skill_id": 7, "level": rng.choice((1, 2.5))}] * rng.randrange(3),
        "active": rng.choice((True, False, None)),
    }
    return {
        "audit_log_id": "int:{id}",
        "account_id": owner.account_id,
        "requested": "{at}",
        "ip": f"10.1.{rng.randrange(3)}.{rng.randrange(1, 9)}",
        "cmd_name": rng.choice(COMMANDS),
        "cmd_args": {} if rng.random() < 0.1 else arguments,  # noqa: PLR2004  (some methods take none)
        **_sometimes(rng, 0.8, cmd_result={"result": 1, "user_id": "int:{id}"}),
        **_sometimes(rng, 0.5, subuser_id=500 + number, subuser_name=f"Анна №{number}"),
    }


def _sometimes(rng: random.Random, share: float, **fields: object) -> dict[str, object]:
    return fields if rng.random() < share else {}


DRAWN: Mapping[str, Drawn] = MappingProxyType(
    {CALLS.name: session, TRANSACTIONS.name: transaction, ACD.name: acd_session, AUDIT.name: audit_entry}
)
