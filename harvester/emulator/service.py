"""The API without its transport: from parameters and a token to an answer."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from harvester.datasets import CALLS
from harvester.emulator.account import Account
from harvester.emulator.answers import Answer, AnswerCache, refused
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.deletions import RecordDeletion
from harvester.emulator.methods import METHODS
from harvester.emulator.parameters import Parameters
from harvester.emulator.question import Action, Question, Setting
from harvester.emulator.refusals import Code, Refusal
from harvester.emulator.render import gzipped
from harvester.emulator.shelf import Shelf
from harvester.emulator.tokens import Keys

_SMALL = 16 * 1024  # bytes that compress faster than a thread is reached


class Caller(NamedTuple):
    """Who asks, beside what.

    Attributes:
        authorization: The header of that name.
        gzip: Whether a compressed answer is welcome.
        turn: The number of the request.
    """

    authorization: str | None
    gzip: bool
    turn: int


class Service:
    """Answers for one account."""

    def __init__(
        self,
        histories: Mapping[str, Account],
        now: Callable[[], float],
        cache_bytes: int,
        private_key: RSAPrivateKey | None,
        *,
        removed: set[int],
        shelf: Shelf,
    ) -> None:
        """Answer from ``histories``, calls among them; ``now`` is the server's clock, Unix seconds.

        Ids of recordings that are deleted go into ``removed``, reports that are ordered onto ``shelf``.
        """
        account = histories[CALLS.name]
        self.keys = Keys(account.account_id, account.children, now, private_key)
        self._histories = histories
        self._now = now
        self._cache = AnswerCache(cache_bytes)
        self._shelf = shelf
        self._removed = removed

    async def answer(self, behaviour: Behaviour, caller: Caller, parameters: Parameters) -> Answer:
        """Answer a request; what is wrong with it is an answer too."""
        try:
            setting, question = self._question(behaviour, parameters, caller)
            if isinstance(question, Action):
                return question.act(setting)
            return await self._answer(setting, question, caller)
        except Refusal as refusal:
            return refused(refusal, behaviour.status(refusal.code), {})

    def _question(
        self, behaviour: Behaviour, parameters: Parameters, caller: Caller
    ) -> tuple[Setting, Question | Action | RecordDeletion]:
        """Judge the request in this order: its method, its token, its parameters."""
        name = parameters.get("cmd")
        if not name:
            raise Refusal(Code.MISSING_CMD, "The cmd parameter is missing.")
        method = METHODS.get(name)
        account = self._histories.get((method and method.history) or CALLS.name)
        if method is None or account is None:
            raise Refusal(Code.UNKNOWN_COMMAND, "Unknown command.")
        asker = self.keys.asker(caller.authorization)
        if asker.account_id in behaviour.refused_children:
            raise Refusal(Code.AUTHORIZATION_FAILED, "Authorization failed.")
        if not behaviour.activated:
            raise Refusal(Code.ACCOUNT_ISNT_ACTIVATED, "The account is not activated.")
        if method.roles is not None and method.roles.isdisjoint(asker.roles):
            raise Refusal(Code.FORBIDDEN_COMMAND, f"The command {name} is forbidden.")
        setting = Setting(account, behaviour, self._now, self._shelf)
        return setting, method.read(setting, parameters, asker.account_id)

    async def _answer(self, setting: Setting, question: Question | RecordDeletion, caller: Caller) -> Answer:
        if isinstance(question, RecordDeletion):
            return question.carry_out(self._removed)  # each time, so no answer is kept
        turn = caller.turn if setting.behaviour.order == "shuffled" else 0
        key: Hashable = (setting.account.version, setting.behaviour, turn, question, caller.gzip)
        answer = self._cache.get(key)
        if answer is None:
            body = question.answer(setting, turn)
            sent = await _compressed(body.json) if caller.gzip else body.json
            answer = Answer(sent, rows=body.rows, gzip=caller.gzip)
            self._cache.put(key, answer)
        return answer


async def _compressed(body: bytes) -> bytes:
    if len(body) < _SMALL:
        return gzipped(body)
    # In a thread, because compressing takes twice as long as rendering and does not hold the interpreter.
    return await asyncio.get_running_loop().run_in_executor(None, gzipped, body)
