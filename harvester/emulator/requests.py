"""A request's parameters, however they were sent."""

from collections.abc import Iterable

from aiohttp import web

from harvester.emulator.refusals import Code, Refusal


async def merged(request: web.Request) -> dict[str, str]:
    """Read the query and the body, urlencoded or multipart; the body wins, and the path names the method.

    A parameter given several times in one place is a list, as the vendor's own ``curl`` samples send it.

    Raises:
        Refusal: Code 101: the body is not what it says it is, or holds a file.
    """
    parameters = _joined(request.query.items())
    try:
        form = await request.post()
    except ValueError:
        raise Refusal(Code.INVALID_ARGUMENTS, "The body is malformed.") from None
    parameters |= _joined(form.items())
    method = request.match_info["method"].strip("/")
    return {**parameters, "cmd": method} if method else parameters


def _joined(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        if not isinstance(value, str):
            raise Refusal(Code.INVALID_ARGUMENTS, f"The '{name}' parameter is a file.")
        joined[name] = f"{joined[name]};{value}" if name in joined else value
    return joined
