"""The emulator: takes requests as the vendor's Management API does, and counts them."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import partial
from types import MappingProxyType

from aiohttp import hdrs, web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from harvester.datasets import CALLS
from harvester.emulator.account import Account
from harvester.emulator.answers import Answer, refused
from harvester.emulator.behaviour import Behaviour
from harvester.emulator.counts import Asked, Counts, busiest_second
from harvester.emulator.faults import UNANSWERED, Fault, Faults
from harvester.emulator.files import PATH, Files
from harvester.emulator.hanging import CLOSING, close, unanswered
from harvester.emulator.limits import Limits
from harvester.emulator.parameters import Parameters
from harvester.emulator.refusals import Refusal
from harvester.emulator.requests import merged
from harvester.emulator.service import Caller, Service
from harvester.emulator.shelf import Shelf

CACHE_BYTES = 256 * 1024 * 1024
USUAL = Behaviour()
NO_FAULTS = Faults()
_PATH = "/platform_api{method:(/[^/]*)?/?}"


class Emulator:
    """A server of one account; it may be served several times, one after the other.

    Attributes:
        behaviour: Of the server from the next request on.
        faults: What goes wrong from the next request on.
        files: Its storage, with faults and counts of its own.
    """

    def __init__(
        self,
        account: Account,
        behaviour: Behaviour = USUAL,
        faults: Faults = NO_FAULTS,
        *,
        now: Callable[[], float] = time.time,
        cache_bytes: int = CACHE_BYTES,
        watch: Callable[[Parameters], None] | None = None,
        private_key: RSAPrivateKey | None = None,
        histories: Mapping[str, Account] = MappingProxyType({}),
        shelf: Shelf | None = None,
    ) -> None:
        """Serve ``account``.

        Args:
            account: Its history; it may change between requests.
            behaviour: Of the server.
            faults: What goes wrong.
            now: The clock that tokens are judged by, Unix seconds.
            cache_bytes: How much of the answers given is kept to be given again.
            watch: Called with the parameters of every request (``cmd`` names the method) before its answer
                is made: the moment at which a test may change the account.
            private_key: Of the credentials handed out; made at need if not given, which takes a while.
            histories: Its other histories, by the names of their datasets; the methods of those that are not
                given are unknown.
            shelf: Reports ordered before, of a server that was started again; none if not given.
        """
        self.behaviour = behaviour
        self.faults = faults
        self._watch = watch
        self._now = now
        removed: set[int] = set()
        self._service = Service(
            {CALLS.name: account, **histories},
            self._clock,
            cache_bytes,
            private_key,
            removed=removed,
            shelf=shelf or Shelf(),
        )
        self.files = Files(self._service.keys, self._clock, lambda: self.behaviour, removed)
        self._limits = Limits()
        self._counts = Counts()
        self._rng = random.Random(behaviour.seed)  # noqa: S311  (latencies, not secrets)

    @property
    def requests(self) -> list[Asked]:
        """The requests since the last reset, in the order in which their answers were ready."""
        return self._counts.requests

    @property
    def in_flight(self) -> int:
        """Requests that are open now."""
        return self._counts.in_flight

    @property
    def most_in_flight(self) -> int:
        """Most requests that were open at once since the last reset."""
        return self._counts.most_in_flight

    def busiest_second(self) -> int:
        """Most requests that arrived in any sliding second ``[t, t + 1)``, those refused included."""
        return busiest_second(self._counts.arrivals)

    def reset(self) -> None:
        """Count from nothing again, against the limits too; answers kept stay."""
        self._counts.reset()
        self._limits.reset()
        self.files.reset()

    def credentials(self, *roles: str) -> dict[str, object]:
        """Make a key with these roles, ``Owner`` if none is named; return what its credentials file holds."""
        return self._service.keys.issue(roles or ("Owner",))

    def revoke(self, key_id: str) -> None:
        """Refuse tokens signed with this key from now on.

        Raises:
            KeyError: There is no such key.
        """
        self._service.keys.revoke(key_id)

    def application(self) -> web.Application:
        """Make an application that serves this emulator."""
        application = web.Application()
        application[CLOSING] = asyncio.Event()
        application.on_shutdown.append(close)
        for verb in (hdrs.METH_GET, hdrs.METH_POST):
            application.router.add_route(verb, _PATH, self._platform)
        application.router.add_get(PATH, self.files.serve)
        application.router.add_get("/emulator", self._totals)
        application.router.add_delete("/emulator", self._forget)
        return application

    def _clock(self) -> float:
        return self._now() + self.behaviour.clock_offset

    async def _totals(self, _request: web.Request) -> web.Response:
        return web.json_response(self._counts.totals())

    async def _forget(self, request: web.Request) -> web.Response:
        totals = await self._totals(request)
        self.reset()
        return totals

    async def _platform(self, request: web.Request) -> web.Response:
        at = asyncio.get_running_loop().time()
        number = self._counts.arrived(at)
        refusal = self._limits.refusal(self.behaviour, at, self._counts.in_flight)
        try:
            return await self._handled(request, at, number, refusal)
        finally:
            self._counts.left()

    async def _handled(
        self, request: web.Request, at: float, number: int, refusal: Answer | None
    ) -> web.Response:
        try:
            parameters = await merged(request)
        except Refusal as malformed:
            parameters, refusal = {}, refused(malformed, self.behaviour.status(malformed.code), {})
        if self._watch is not None:
            self._watch(parameters)
        fault = None if refusal else self.faults.due(number, parameters)
        if fault is not None and fault.kind in UNANSWERED:
            self._note(at, parameters, None, fault)
            return await unanswered(request, fault.kind)
        answer = refusal or await self._answer(request, parameters, number, fault)
        self._note(at, parameters, answer, fault)
        if self.behaviour.latency:
            median, sigma = self.behaviour.latency, self.behaviour.latency_sigma
            await asyncio.sleep(self._rng.lognormvariate(math.log(median), sigma))
        return self._response(answer)

    async def _answer(
        self, request: web.Request, parameters: Parameters, number: int, fault: Fault | None
    ) -> Answer:
        gzip = self.behaviour.gzip and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
        caller = Caller(request.headers.get(hdrs.AUTHORIZATION), gzip, number)
        ask = partial(self._service.answer, self.behaviour, caller)
        return await (ask(parameters) if fault is None else fault.effect(parameters, ask))

    def _note(self, at: float, parameters: Parameters, answer: Answer | None, fault: Fault | None) -> None:
        asked = Asked(
            arrived=at,
            method=parameters.get("cmd", ""),
            parameters=parameters,
            error=answer.error if answer else None,
            status=answer.status if answer else 0,
            rows=answer.rows if answer else 0,
            fault=fault.kind if fault else None,
        )
        self._counts.requests.append(asked)

    def _response(self, answer: Answer) -> web.Response:
        headers = {
            **answer.headers,
            hdrs.CONTENT_TYPE: answer.content_type,
            hdrs.DATE: formatdate(self._clock(), usegmt=True),
        }
        if answer.gzip:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=answer.body, status=answer.status, headers=headers)
