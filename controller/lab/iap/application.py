"""The applications behind the proxy: each takes only what the proxy signed, as Google tells applications to do.

Run by `up` as `python -m controller.lab.iap.application STATE`. Each learns the proxy's public keys from the proxy
itself, over HTTPS, and knows from the stack's outputs what assertions for it must be made out to.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from controller.lab.iap import authority, tokens
from controller.lab.iap.files import Files
from controller.lab.iap.http import Handler, Request, Response, as_json, ask, serve
from controller.lab.services.services import listen
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Guarded, Listener, Perimeter
from controller.model.network.packets import Family


class Keys:
    """The proxy's public keys, asked for when first needed."""

    def __init__(self, state: Path, around: Perimeter) -> None:
        self._trusted = authority.trusting(Files(state).folder)
        self._around = around
        self._found: Mapping[str, Any] | None = None

    async def get(self, host: str) -> Mapping[str, Any]:
        """The keys.

        Raises:
            OSError: the proxy does not answer.
            TimeoutError: the proxy does not answer in time.
        """
        if self._found is None:
            request = Request("GET", tokens.KEYS_PATH, (("host", host), ("connection", "close")))
            address = self._around.fronts[0].v4
            answer = await ask(address, 443, request, (self._trusted, host))
            if answer.status != HTTPStatus.OK:
                message = f"the proxy gives no keys: status {answer.status}"
                raise OSError(message)
            self._found = json.loads(answer.body)
        return self._found


def application(guarded: Guarded, keys: Keys) -> Handler:
    """The handler of one application."""

    async def answer(request: Request) -> Response:
        if guarded.audience is None:
            return _page(guarded, None, ())
        try:
            known = await keys.get(guarded.host)
        except (OSError, TimeoutError) as error:
            return as_json(
                HTTPStatus.SERVICE_UNAVAILABLE, {"refused": f"no keys of the proxy: {error}", "part": "keys"}
            )
        try:
            token = request.header(tokens.ASSERTION_HEADER)
            claims = tokens.verified(token, known, tokens.ISSUER, guarded.audience)
        except tokens.TokenRefused as error:
            refusal = {"refused": f"assertion: {error}", "part": "assertion", "application": guarded.application}
            return as_json(HTTPStatus.UNAUTHORIZED, refusal)
        return _page(guarded, str(claims["email"]), claims.get("google", {}).get("access_levels", ()))

    return answer


def _page(guarded: Guarded, person: str | None, levels: Iterable[str]) -> Response:
    said = {"application": guarded.application, "person": person, "access_levels": list(levels)}
    return as_json(HTTPStatus.OK, said)


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read(state)
    if record is None or record.layout.perimeter is None:
        sys.exit(f"no lab with a deployed cloud in {state}")
    around = record.layout.perimeter
    keys = Keys(state, around)
    doors = []
    for guarded in around.guarded:
        for family in Family:
            address = around.backend.of(family)
            door = Listener(namespace=paths.INTERNET, address=address, port=guarded.port, applications=())
            doors.append((listen(door), None, application(guarded, keys)))
    asyncio.run(serve(doors))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
