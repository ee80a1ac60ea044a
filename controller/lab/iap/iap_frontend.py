"""The proxy: real HTTPS at every address of the load balancer, one decision for each request. It is not Google's.

Run as `python -m controller.lab.iap.iap_frontend STATE`. Whoever signed in shows the identity provider's token as
`Authorization: Bearer`, as programs do at Google's proxy.
"""

from __future__ import annotations

import asyncio
import html
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from controller.compile.identity.access_levels import OS_TYPES
from controller.errors import CloudError
from controller.lab.iap import certificate_authority, identity_provider, signed_tokens, trial_clock
from controller.lab.iap.access_decision import (
    APPLICATION_HEADER,
    STAND_IN_HEADER,
    AccessDecision,
    AccessEvaluator,
    DecidingPart,
    Principal,
    build_decision_document,
)
from controller.lab.iap.deployed_access import (
    DeployedAccess,
    DeployedBackend,
    DeploymentWatcher,
    read_deployed_access,
)
from controller.lab.iap.iap_files import IapFiles
from controller.lab.services.http_client import send_request
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
from controller.model.sites.localities import choose_foreign_country
from controller.prove.engine.cel import ENCRYPTED, OPERATING_SYSTEMS, UNENCRYPTED

_NOT_GOOGLE = "stand-in, not Google's"
_PAGE = """<!doctype html><meta charset="utf-8"><title>{status}</title><h1>{status}: {reason}</h1>
<p>This is the virtual city's stand-in for an identity-aware proxy. It is not Google's.</p>"""
_KEPT_BACK = (
    "authorization",
    "proxy-authorization",
    "connection",
    "transfer-encoding",
    "content-length",
    trial_clock.HEADER,
)

Country = tuple[tuple[str, str], ...]


class IapFrontend:
    """Answers requests by what is deployed at that moment."""

    def __init__(self, files: IapFiles, around: Perimeter, countries: Country) -> None:
        self._around = around
        self._watch = DeploymentWatcher(Path(around.world), read_deployed_access)
        self._key = signed_tokens.read_key(files.assertion_key)
        self._clock_key = files.clock_key.read_bytes()
        self._identity = signed_tokens.export_public_keys(signed_tokens.read_key(files.identity_key))
        self._countries = [(ip_network(prefix), country) for prefix, country in countries]
        self._ports = {one.application: one.port for one in around.guarded}
        self._judged: tuple[object, AccessEvaluator] | None = None

    def deployed(self) -> tuple[object, DeployedAccess]:
        """What is deployed now; nothing, where the world is gone."""
        try:
            return self._watch.now()
        except CloudError:
            return None, DeployedAccess({}, {}, frozenset())

    async def answer(self, request: Request) -> Response:
        """Answer a request, by the address that it came in at."""
        address, _ = local_address(request)
        response = await self._answer(request, address)
        if "text/html" in one_header(request, "accept") and response.status_code >= HTTPStatus.BAD_REQUEST:
            reason = html.escape(str(json.loads(bytes(response.body)).get("refused", "")))
            page = _PAGE.format(status=response.status_code, reason=reason)
            named = (
                {APPLICATION_HEADER: response.headers[APPLICATION_HEADER]}
                if APPLICATION_HEADER in response.headers
                else {}
            )
            response = HTMLResponse(page, response.status_code, named)
        response.headers[STAND_IN_HEADER] = f"{_NOT_GOOGLE}; {address}"
        return response

    async def _answer(self, request: Request, address: str) -> Response:
        if request.scope["path"] == signed_tokens.KEYS_PATH:
            return JSONResponse(signed_tokens.export_public_keys(self._key))
        mark, deployed = self.deployed()
        front = deployed.fronts.get(address)
        backend = front.backend(host_name(request)) if front else None
        if backend is None:
            refusal = {"refused": "nothing is deployed at this address for this host"}
            return JSONResponse(refusal, HTTPStatus.NOT_FOUND)
        try:
            moment = trial_clock.read_moment(self._clock_key, one_header(request, trial_clock.HEADER))
        except (trial_clock.ClockRefused, ValueError) as error:
            return JSONResponse({"refused": str(error), "part": "clock"}, HTTPStatus.BAD_REQUEST)
        principal, decision = self._decide(self._judge(mark, deployed), backend, request, moment)
        named = {APPLICATION_HEADER: backend.application}
        if not decision.lets_in:
            return JSONResponse(build_decision_document(decision, backend, principal), decision.status, named)
        return await self._forward(request, backend, principal, decision, named)

    def _decide(
        self, judge: AccessEvaluator, backend: DeployedBackend, request: Request, moment: trial_clock.TrialMoment
    ) -> tuple[Principal | None, AccessDecision]:
        kind, _, token = one_header(request, "authorization").partition(" ")
        principal = None
        if backend.guarded and kind.lower() == "bearer":
            try:
                claims = signed_tokens.verify_token(
                    token, self._identity, identity_provider.ISSUER, identity_provider.CLIENT
                )
            except signed_tokens.TokenRefused as error:
                reason = f"not signed in: the token is refused: {error}"
                return None, AccessDecision(HTTPStatus.UNAUTHORIZED, DecidingPart.SIGN_IN, reason)
            peer = request.client.host if request.client else ""
            principal = describe_principal(claims, peer, self._country(peer), moment.session_age)
        return principal, judge.decide(backend, principal, moment.at)

    async def _forward(
        self,
        request: Request,
        backend: DeployedBackend,
        principal: Principal | None,
        decision: AccessDecision,
        named: Mapping[str, str],
    ) -> Response:
        backend_address = self.find_application_address(backend)
        if backend_address is None:
            message = f"the lab has no stand-in for what backend {backend.name} leads to"
            return JSONResponse({"refused": message, "part": "backend"}, HTTPStatus.BAD_GATEWAY, named)
        # What came from outside under the proxy's own names must never reach an application.
        kept = [(n, v) for n, v in request.headers.items() if n not in _KEPT_BACK and not n.startswith("x-goog-")]
        if principal is not None:
            signed = signed_tokens.sign_assertion(
                self._key, backend.audience, principal.subject, principal.email, decision.levels
            )
            kept += [
                (signed_tokens.ASSERTION_HEADER, signed),
                ("x-goog-authenticated-user-email", f"accounts.google.com:{principal.email}"),
            ]
        kept += [("connection", "close")]
        method, target = request.method, request_target(request)
        body = await read_body(request)
        try:
            found = await asyncio.to_thread(
                send_request, backend_address, host_name(request), method, target, body=body, headers=kept
            )
        except (OSError, HTTPException) as error:
            refusal = {"refused": f"the application does not answer: {error}", "part": "backend"}
            return JSONResponse(refusal, HTTPStatus.BAD_GATEWAY, named)
        return Response(found.body, found.status, {"content-type": found.headers.get("content-type", ""), **named})

    def find_application_address(self, backend: DeployedBackend) -> tuple[str, int] | None:
        """Return where a backend's application answers; None where the lab has none for it."""
        port = self._ports.get(backend.application)
        return None if port is None else (self._around.backend.v4, port)

    def _judge(self, mark: object, deployed: DeployedAccess) -> AccessEvaluator:
        if self._judged is None or mark is None or self._judged[0] != mark:
            self._judged = (mark, AccessEvaluator(deployed))
        return self._judged[1]

    def _country(self, address: str) -> str | None:
        found = ip_address(address)
        return next((country for prefix, country in self._countries if found in prefix), None)


def describe_principal(
    claims: Mapping[str, Any], address: str, country: str | None, session_age: timedelta | None = None
) -> Principal:
    """Who asks, and what is known of them. What the token does not say stays unknown.

    `session_age` is how long ago they signed in, where that is not to be taken from the token's `auth_time`.
    """
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
    if session_age is None and "auth_time" in claims:
        session_age = datetime.now(UTC) - datetime.fromtimestamp(claims["auth_time"], UTC)
    return Principal(str(claims["sub"]), str(claims["email"]), frozenset(claims.get("groups", ())), known, session_age)


def list_countries(layout: Layout, around: Perimeter) -> Country:
    """Where addresses are, as a geolocation would say: the lab's homes and schools in its country, one place abroad."""
    inside = [around.home.v4, around.home.v6, around.shared_exit]
    inside += around.office.by_family.values() if around.office else []
    for school in layout.schools:
        inside += [*school.list_sources(), *([school.block.v6] if school.block.v6 else [])]
        inside += [*school.list_outside(Family.V6), *([school.egress.v4] if school.egress and school.egress.v4 else [])]
    foreign = choose_foreign_country(around.country)
    outside = (around.abroad.v4, around.abroad.v6)
    return (*((prefix, around.country) for prefix in inside), *((prefix, foreign) for prefix in outside))


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read_record(state)
    if record is None or record.layout.perimeter is None:
        sys.exit(f"no lab with a deployed cloud in {state}")
    files, around = IapFiles(state), record.layout.perimeter
    proxy = IapFrontend(files, around, list_countries(record.layout, around))
    context = certificate_authority.make_server_tls(
        certificate_authority.CertificateAuthority(files.folder), lambda: proxy.deployed()[1].hosts
    )
    listeners = [
        Listener(namespace=paths.INTERNET, address=both.of(family), port=HTTPS, applications=())
        for both in around.fronts
        for family in Family
    ]
    serve_http(proxy.answer, map(open_listener, listeners), tls=context)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
