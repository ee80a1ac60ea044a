"""The applications behind the proxy: each takes only what the proxy signed, as Google tells applications to do.

Run as `python -m controller.lab.iap.guarded_applications STATE`. Each learns the proxy's public keys from the proxy
itself, over HTTPS, and knows from the stack's outputs what assertions for it must be made out to.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from controller.lab.iap import certificate_authority, signed_tokens
from controller.lab.iap.iap_files import IapFiles
from controller.lab.services.http_client import send_request
from controller.lab.services.http_server import Handler, local_address, one_header, open_listener, serve_http
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import GuardedApplication, Listener, Perimeter
from controller.lab.state.perimeter import HTTPS
from controller.model.network.packets import Family


class IapPublicKeys:
    """The proxy's public keys, asked for when first needed."""

    def __init__(self, state: Path, around: Perimeter) -> None:
        self._trusted = certificate_authority.make_client_tls(IapFiles(state).folder)
        self._around = around
        self._found: Mapping[str, Any] | None = None

    async def get(self, host: str) -> Mapping[str, Any]:
        """The keys.

        Raises:
            OSError: the proxy does not answer, or not in time.
            HTTPException: what answers speaks no HTTP.
        """
        if self._found is None:
            address = (self._around.fronts[0].v4, HTTPS)
            answer = await asyncio.to_thread(
                send_request, address, host, "GET", signed_tokens.KEYS_PATH, tls=self._trusted
            )
            if answer.status != HTTPStatus.OK:
                message = f"the proxy gives no keys: status {answer.status}"
                raise OSError(message)
            self._found = json.loads(answer.body)
        return self._found


def make_application_handler(guarded: GuardedApplication, keys: IapPublicKeys) -> Handler:
    """The handler of one application."""

    async def answer(request: Request) -> Response:
        if guarded.audience is None:
            return _page(guarded, None, ())
        try:
            known = await keys.get(guarded.host)
        except (OSError, HTTPException) as error:
            refusal = {"refused": f"no keys of the proxy: {error}", "part": "keys"}
            return JSONResponse(refusal, HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            token = one_header(request, signed_tokens.ASSERTION_HEADER)
            claims = signed_tokens.verify_token(token, known, signed_tokens.ISSUER, guarded.audience)
        except signed_tokens.TokenRefused as error:
            refusal = {"refused": f"assertion: {error}", "part": "assertion", "application": guarded.application}
            return JSONResponse(refusal, HTTPStatus.UNAUTHORIZED)
        return _page(guarded, str(claims["email"]), claims.get("google", {}).get("access_levels", ()))

    return answer


def _page(guarded: GuardedApplication, person: str | None, levels: Iterable[str]) -> Response:
    return JSONResponse({"application": guarded.application, "person": person, "access_levels": list(levels)})


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read_record(state)
    if record is None or record.layout.perimeter is None:
        sys.exit(f"no lab with a deployed cloud in {state}")
    around = record.layout.perimeter
    keys = IapPublicKeys(state, around)
    by_port = {guarded.port: make_application_handler(guarded, keys) for guarded in around.guarded}

    async def answer(request: Request) -> Response:
        return await by_port[local_address(request)[1]](request)

    listeners = [
        Listener(namespace=paths.INTERNET, address=around.backend.of(family), port=port, applications=())
        for port in by_port
        for family in Family
    ]
    serve_http(answer, map(open_listener, listeners))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
