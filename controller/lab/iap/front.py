"""The proxy: real HTTPS at every address of the load balancer, one decision for each request. It is not Google's.

Run by `up` as `python -m controller.lab.iap.front STATE`. Whoever signed in shows the identity provider's token as
`Authorization: Bearer`, as programs do at Google's proxy.
"""

from __future__ import annotations

import asyncio
import html
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPException
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from controller.compile.identity.access_levels import OS_TYPES
from controller.errors import CloudError
from controller.lab.iap import authority, clock, identity, tokens
from controller.lab.iap.decision import Decision, Judge, Part, Visitor, as_document
from controller.lab.iap.deployed import Backend, Deployed, Watch
from controller.lab.iap.files import Files
from controller.lab.iap.names import APPLICATION, SAYS
from controller.lab.services.http_client import ask
from controller.lab.services.http_server import (
    host_name,
    local_address,
    one_header,
    open_listener,
    read_body,
    request_target,
    serve_http,
)
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout, Listener, Perimeter
from controller.lab.state.perimeter import HTTPS
from controller.model.network.packets import Family
from controller.prove.engine.cel import ENCRYPTED, OPERATING_SYSTEMS, UNENCRYPTED

_NOT_GOOGLE = "stand-in, not Google's"
_PAGE = """<!doctype html><meta charset="utf-8"><title>{status}</title><h1>{status}: {reason}</h1>
<p>This is the virtual city's stand-in for an identity-aware proxy. It is not Google's.</p>"""
_KEPT_BACK = ("authorization", "proxy-authorization", "connection", "transfer-encoding", "content-length", clock.HEADER)

Country = tuple[tuple[str, str], ...]


class Proxy:
    """Answers requests by what is deployed at that moment."""

    def __init__(self, files: Files, around: Perimeter, countries: Country) -> None:
        self._around = around
        self._watch = Watch(Path(around.world))
        self._key = tokens.read_key(files.assertion_key)
        self._clock_key = files.clock_key.read_bytes()
        self._identity = tokens.public_keys(tokens.read_key(files.identity_key))
        self._countries = [(ip_network(prefix), country) for prefix, country in countries]
        self._ports = {one.application: one.port for one in around.guarded}
        self._judged: tuple[object, Judge] | None = None

    def deployed(self) -> tuple[object, Deployed]:
        """What is deployed now; nothing, where the world is gone."""
        try:
            return self._watch.now()
        except CloudError:
            return None, Deployed({}, {}, frozenset())

    async def answer(self, request: Request) -> Response:
        """Answer a request, by the address that it came in at."""
        address, _ = local_address(request)
        response = await self._answer(request, address)
        if "text/html" in one_header(request, "accept") and response.status_code >= HTTPStatus.BAD_REQUEST:
            reason = html.escape(str(json.loads(bytes(response.body)).get("refused", "")))
            page = _PAGE.format(status=response.status_code, reason=reason)
            named = {APPLICATION: response.headers[APPLICATION]} if APPLICATION in response.headers else {}
            response = HTMLResponse(page, response.status_code, named)
        response.headers[SAYS] = f"{_NOT_GOOGLE}; {address}"
        return response

    async def _answer(self, request: Request, address: str) -> Response:
        if request.scope["path"] == tokens.KEYS_PATH:
            return JSONResponse(tokens.public_keys(self._key))
        mark, deployed = self.deployed()
        front = deployed.fronts.get(address)
        backend = front.backend(host_name(request)) if front else None
        if backend is None:
            refusal = {"refused": "nothing is deployed at this address for this host"}
            return JSONResponse(refusal, HTTPStatus.NOT_FOUND)
        try:
            at = clock.read(self._clock_key, one_header(request, clock.HEADER))
        except (clock.ClockRefused, ValueError) as error:
            return JSONResponse({"refused": str(error), "part": "clock"}, HTTPStatus.BAD_REQUEST)
        visitor, decision = self._decide(self._judge(mark, deployed), backend, request, at)
        named = {APPLICATION: backend.application}
        if not decision.lets_in:
            return JSONResponse(as_document(decision, backend, visitor), decision.status, named)
        return await self._forward(request, backend, visitor, decision, named)

    def _decide(
        self, judge: Judge, backend: Backend, request: Request, at: datetime
    ) -> tuple[Visitor | None, Decision]:
        kind, _, token = one_header(request, "authorization").partition(" ")
        visitor = None
        if backend.guarded and kind.lower() == "bearer":
            try:
                claims = tokens.verified(token, self._identity, identity.ISSUER, identity.CLIENT)
            except tokens.TokenRefused as error:
                reason = f"not signed in: the token is refused: {error}"
                return None, Decision(HTTPStatus.UNAUTHORIZED, Part.SIGN_IN, reason)
            peer = request.client.host if request.client else ""
            visitor = visitor_of(claims, peer, self._country(peer))
        return visitor, judge.decide(backend, visitor, at)

    async def _forward(
        self,
        request: Request,
        backend: Backend,
        visitor: Visitor | None,
        decision: Decision,
        named: Mapping[str, str],
    ) -> Response:
        port = self._ports.get(backend.application)
        if port is None:
            message = f"the lab has no stand-in for what backend {backend.name} leads to"
            return JSONResponse({"refused": message, "part": "backend"}, HTTPStatus.BAD_GATEWAY, named)
        # What came from outside under the proxy's own names must never reach an application.
        kept = [(n, v) for n, v in request.headers.items() if n not in _KEPT_BACK and not n.startswith("x-goog-")]
        if visitor is not None:
            signed = tokens.assertion(self._key, backend.audience, visitor.subject, visitor.email, decision.levels)
            kept += [
                (tokens.ASSERTION_HEADER, signed),
                ("x-goog-authenticated-user-email", f"accounts.google.com:{visitor.email}"),
            ]
        kept += [("connection", "close")]
        backend_address, method, target = (self._around.backend.v4, port), request.method, request_target(request)
        body = await read_body(request)
        try:
            found = await asyncio.to_thread(
                ask, backend_address, host_name(request), method, target, body=body, headers=kept
            )
        except (OSError, HTTPException) as error:
            refusal = {"refused": f"the application does not answer: {error}", "part": "backend"}
            return JSONResponse(refusal, HTTPStatus.BAD_GATEWAY, named)
        return Response(found.body, found.status, {"content-type": found.headers.get("content-type", ""), **named})

    def _judge(self, mark: object, deployed: Deployed) -> Judge:
        if self._judged is None or mark is None or self._judged[0] != mark:
            self._judged = (mark, Judge(deployed))
        return self._judged[1]

    def _country(self, address: str) -> str | None:
        found = ip_address(address)
        return next((country for prefix, country in self._countries if found in prefix), None)


def visitor_of(claims: Mapping[str, Any], address: str, country: str | None) -> Visitor:
    """Who asks, and what is known of them. What the token does not say stays unknown."""
    known: dict[str, object] = {"origin.ip": address}
    if country is not None:
        known["origin.region_code"] = country
    known |= {f"request.auth.claims.crd_str.{way}": used for way, used in claims.get("crd_str", {}).items()}
    device = claims.get("device", {})
    if "encrypted" in device:
        known["device.encryption_status"] = ENCRYPTED if device["encrypted"] else UNENCRYPTED
    if device.get("system") in OS_TYPES:
        known["device.os_type"] = OPERATING_SYSTEMS.index(OS_TYPES[device["system"]])
    for attribute, name in (
        ("is_admin_approved_device", "managed"),
        ("is_secured_with_screenlock", "screen_lock"),
        ("certificates", "certificates"),
        ("vendors", "vendors"),
    ):
        if name in device:
            known[f"device.{attribute}"] = device[name]
    return Visitor(str(claims["sub"]), str(claims["email"]), frozenset(claims.get("groups", ())), known)


def countries(layout: Layout, around: Perimeter) -> Country:
    """Where addresses are, as a geolocation would say: the lab's homes and schools in Japan, one place abroad."""
    japan = [around.home.v4, around.home.v6, around.shared_exit]
    japan += [around.office.v4, around.office.v6] if around.office else []
    for school in layout.schools:
        japan += [school.block.v4, school.block.v6, *([school.egress.v4] if school.egress else [])]
    return (*((prefix, "JP") for prefix in japan), (around.abroad.v4, "US"), (around.abroad.v6, "US"))


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read(state)
    if record is None or record.layout.perimeter is None:
        sys.exit(f"no lab with a deployed cloud in {state}")
    files, around = Files(state), record.layout.perimeter
    proxy = Proxy(files, around, countries(record.layout, around))
    context = authority.by_name(authority.Authority(files.folder), lambda: proxy.deployed()[1].hosts)
    listeners = [
        Listener(namespace=paths.INTERNET, address=both.of(family), port=HTTPS, applications=())
        for both in around.fronts
        for family in Family
    ]
    serve_http(proxy.answer, map(open_listener, listeners), tls=context)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
