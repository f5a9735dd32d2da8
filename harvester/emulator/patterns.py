"""What synthetic sessions look like: some hundreds of sessions with blanks for their id and their time.

Blanks are ``{id}``, ``{at}`` (the session's start), ``{soon}`` and ``{later}`` (1 and 9 seconds after it),
``{day}`` (as in a storage path) and ``{expires}``. A text that begins with ``int:`` is sent as an integer.
Ids of nested objects are the session's id and a few more digits, so they are as unique as it is.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATTERNS = 512
EXPIRES_AFTER_DAYS = 90

APPLICATION_ID = 10_733_204
APPLICATIONS = ("app", "sales", "support", "callback")
RULES = ("incoming", "outgoing", "queue", "voicemail")
USER_ID = 2_300_100
USERS = 12
CHILD_SHARE = 4  # with child accounts, one pattern in so many is a child's

CUSTOM_DATA = ("order 4711", '{"lead":"A-17","vip":true}', "возврат №5", 'tab\there \\ "quoted"', "")
FINISHES = ("Normal termination",) * 12 + ("Timeout", "JS session error", "Insufficient funds")
FAILURES = ((480, "User offline"), (486, "Busy Here"), (487, "Request Terminated"), (603, ""))
DIRECTIONS = ("All numbers", "Russia Mobile", "Incoming PSTN RU")
QUALITIES = ("Standard", "Standard", "HD", "Ultra HD")
RESOURCES = (
    ("TTS_YANDEX", "TextToSpeech"),
    ("ASR", "Speech recognition"),
    ("TRANSCRIPTION", "Call Transcription"),
    ("CALLSESSION", "Call session"),
    ("VOICEMAILDETECTION", "Voicemail detection"),
)


@dataclass(frozen=True, slots=True)
class Owner:
    """An account and its applications, which no other account shares."""

    account_id: int
    name: str
    first_application: int


def owners(account_id: int, children: int) -> tuple[Owner, ...]:
    """The account itself, then its children."""
    return tuple(
        Owner(account_id + n, f"child{n}" if n else "account", APPLICATION_ID + n * len(APPLICATIONS))
        for n in range(children + 1)
    )


def session(rng: random.Random, owner: Owner) -> dict[str, object]:
    """Draw the pattern of a session, with all its nested lists."""
    return _Draft(rng, owner).session()


def patterns(
    seed: int,
    owned_by: tuple[Owner, ...],
    drawn: Callable[[random.Random, Owner], dict[str, object]] = session,
) -> Iterator[dict[str, object]]:
    """The ``PATTERNS`` patterns of an account, each ``drawn`` for one of its owners."""
    parent, *children = owned_by
    for number in range(PATTERNS):
        turn, rest = divmod(number, CHILD_SHARE)
        owner = parent if rest or not children else children[turn % len(children)]
        yield drawn(random.Random(f"{seed}:{number}"), owner)  # noqa: S311  (content, not a secret)


class _Draft:
    """One pattern being drawn."""

    def __init__(self, rng: random.Random, owner: Owner) -> None:
        self._rng = rng
        self._owner = owner
        self._store = f"https://storage-gw-{rng.choice(('ru-02', 'us-01', 'eu-04'))}.voximplant.com"
        self._server = f"185.164.{rng.randrange(150)}.{rng.randrange(1, 255)}"
        self._local_number = f"7495{rng.randrange(40):07d}"
        self._application = rng.randrange(len(APPLICATIONS))
        self._duration = min(int(rng.lognormvariate(4, 1)) + 10, 14_400)

    def session(self) -> dict[str, object]:
        rng = self._rng
        legs = rng.choices((0, 1, 2, 3), (6, 50, 30, 14))[0]
        session = {
            "call_session_history_id": "int:{id}",
            "account_id": self._owner.account_id,
            "application_id": self._owner.first_application + self._application,
            "application_name": f"{APPLICATIONS[self._application]}.{self._owner.name}.voximplant.com",
            "rule_name": rng.choice(RULES),
            "start_date": "{at}",
            "duration": self._duration,
            "initiator_address": f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
            "media_server_address": self._server,
            "active": False,
            **self._sometimes(0.3, user_id=USER_ID + rng.randrange(USERS)),
            **self._sometimes(0.88, log_file_url=self._url("logs", "log?sessionid={id}")),
            **self._sometimes(0.95, finish_reason=rng.choice(FINISHES)),
            **self._sometimes(0.15, custom_data=rng.choice(CUSTOM_DATA)),
            **self._sometimes(0.1, audio_quality=rng.choice(QUALITIES)),
            **self._listed("calls", [self._leg(n) for n in range(legs)]),
            **self._listed(
                "other_resource_usage", [self._usage(n, legs) for n in range(rng.choice((0, 1, 1, 2, 3)))]
            ),
            **self._listed(
                "records", [self._record(n) for n in range(rng.choice((0, 1, 1, 2)) if legs else 0)]
            ),
        }
        keys = list(session)
        rng.shuffle(keys)  # the vendor promises no order of keys
        return {key: session[key] for key in keys}

    def _leg(self, number: int) -> dict[str, object]:
        rng = self._rng
        successful = self._chance(0.85)
        code, details = (200, "Normal call clearing") if successful else rng.choice(FAILURES)
        leg: dict[str, object] = {
            "call_id": f"int:{{id}}{number}",
            "start_time": ("{at}", "{soon}", "{later}")[number],
            "duration": self._duration - number * 9 if successful and self._duration > number * 9 else 0,
            "local_number": self._local_number,
            "remote_number": f"79{rng.randrange(10**9):09d}",
            "remote_number_type": rng.choice(("pstn", "pstn", "mobile", "user", "sip")),
            "incoming": number == 0,
            "successful": successful,
            "end_reason": {"code": code, "details": details},
            "cost": self._cost(0.5) if successful else 0.0,
            "direction": rng.choice(DIRECTIONS),
            **self._sometimes(0.5, diversion_number=""),
            **self._sometimes(0.8, audio_quality=rng.choice(QUALITIES)),
            **self._sometimes(0.05, custom_data=rng.choice(CUSTOM_DATA)),
        }
        if successful:  # a failed leg cost nothing and left no recording
            leg["transaction_id"] = f"int:{{id}}00{number}8"
            leg |= self._sometimes(0.6, record_url=self._url("records", f"leg.mp3?record_id={{id}}{number}"))
        return leg

    def _usage(self, number: int, legs: int) -> dict[str, object]:
        rng = self._rng
        kind, description = rng.choice(RESOURCES)
        return {
            "resource_usage_id": f"int:{{id}}5{number}",
            "resource_type": kind,
            "cost": self._cost(0.1),
            "used_at": rng.choice(("{at}", "{soon}", "{later}")),
            "transaction_id": f"int:{{id}}01{number}8",
            "unit": rng.choice(("", "", "symbol", "second")),
            **self._sometimes(0.9, description=description),
            **self._sometimes(0.9, resource_quantity=rng.choice((1, 5, 36, 2.5))),
            **(self._sometimes(0.4, ref_call_id="int:{id}0") if legs else {}),
        }

    def _record(self, number: int) -> dict[str, object]:
        rng = self._rng
        record = {
            "record_id": f"int:{{id}}7{number}",
            "start_time": "{soon}",
            "duration": self._duration - 1,
            "cost": self._cost(0.1),
            "transaction_id": f"int:{{id}}02{number}8",
            "record_url": self._url("records", f"record.mp3?record_id={{id}}7{number}"),
            "transcription_status": "Not required",
            "hd_audio": self._chance(0.2),
            "lossless": False,
            "is_removed": self._chance(0.05),
            "expiration_date": "{expires}",
            **self._sometimes(0.9, record_name="Call Recorder"),
            **self._sometimes(0.9, file_size=rng.choice((0, 1_048_576, 20_480.5))),
            **self._sometimes(0.8, media_parameters='{"audio_codec" : "mp3" , "container" : "mp3"}'),
        }
        if self._chance(0.3):
            record["transcription_status"] = "Complete"
            record["transcription_url"] = self._url("records", f"{{id}}7{number}.txt")
            record["transcription_transaction_id"] = f"int:{{id}}03{number}8"
        return record

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _sometimes(self, share: float, **fields: object) -> dict[str, object]:
        return fields if self._chance(share) else {}

    def _listed(self, key: str, items: list[dict[str, object]]) -> dict[str, object]:
        """An empty list is sent as such or left out: both were seen of the vendor."""
        return {key: items} if items else self._sometimes(0.5, **{key: items})

    def _cost(self, about: float) -> int | float:
        """Up to six decimals; a whole number may come without a point."""
        cost = round(self._rng.random() * about, 6)
        return 0 if cost < about / 20 else cost

    def _url(self, kind: str, name: str) -> str:
        return f"{self._store}/voximplant-{kind}-secure/{{day}}/{self._rng.randbytes(16).hex()}/{name}"
