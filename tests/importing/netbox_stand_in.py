"""A stand-in for NetBox's REST API: sites and devices, to be read. No real NetBox was tried.

Written from NetBox's own documents:

- "REST API Overview" (docs/integrations/rest-api.md): lists with `count`, `next`, `previous`, `results`; `limit` and
  `offset`, a page of 50 by default and of 1,000 at most (`PAGINATE_COUNT`, `MAX_PAGE_SIZE`); nested objects with `id`,
  `url`, `name`, `slug`; choices as `value` and `label`; `Authorization: Token ...`; 403 with `detail` "Authentication
  credentials were not provided." without a token; `exclude=config_context` of devices; the header `API-Version`; the
  slash at the end of a path, without which it redirects.
- "Tokens" (docs/models/users/token.md) and the release notes of 4.5: v2 tokens, `Authorization: Bearer nbt_KEY.TOKEN`.
- the release notes of 3.6 (docs/release-notes/version-3.6.md): a device's `device_role` becomes `role`.
- RFC 6585 and RFC 9110 for 429 and `Retry-After`, which a proxy before a NetBox answers with; RFC 9110 for 401.

What it does not model it refuses: another path with 404, another method with 405, and a parameter that it does not know
with 400, where the real one would ignore it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

V1_TOKEN = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105 of the stand-in
V2_TOKEN = "nbt_abcdef012345.ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210abcd"  # noqa: S105 of the stand-in
VERSIONS = ("3.5", "3.7", "4.2", "4.4", "4.5")
"""Those whose differences are modelled: tokens of v2 from 4.5 on, `role` of a device from 3.6 on."""
PAGINATE_COUNT, MAX_PAGE_SIZE = 50, 1000
_PARAMETERS = {"/api/dcim/sites/": {"limit", "offset"}, "/api/dcim/devices/": {"limit", "offset", "exclude"}}


@dataclass
class StandIn:
    """What the server has, how it behaves, and what it was asked."""

    version: str = "4.4"
    sites: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    max_page_size: int = MAX_PAGE_SIZE
    answers: Callable[[str, int], tuple[int, Mapping[str, str], bytes] | None] = lambda _path, _number: None
    """Answers instead of the server, by path and the number of the request; None: it answers itself."""
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def numbers(self) -> tuple[int, int]:
        major, _, minor = self.version.partition(".")
        return int(major or 0), int(minor or 0)


def make_site(number: int, name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    """A site with the fields that NetBox documents; what is named replaces them, or goes to the custom fields."""
    custom = {name: fields.pop(name) for name in list(fields) if name not in ("region", "group", "tenant", "status")}
    nested = {
        key: None if value is None else {"id": 1, "url": f"/api/x/{value}/", "name": value, "slug": "x"}
        for key, value in {"region": None, "group": None, "tenant": None, **fields}.items()
        if key != "status"
    }
    status = fields.get("status", "active")
    return {
        "id": number,
        "url": f"/api/dcim/sites/{number}/",
        "display": name,
        "name": name,
        "slug": f"site-{number}",
        "status": {"value": status, "label": status.capitalize()},
        **nested,
        "facility": "",
        "time_zone": None,
        "description": "",
        "tags": [],
        "custom_fields": custom,
        "device_count": 0,
    }


def make_device(  # noqa: PLR0913 what a device says
    number: int,
    name: str | None,
    role: str,
    site: int,
    version: str = "4.4",
    *,
    platform: str | None = None,
    address: str | None = None,
    status: str = "active",
) -> dict[str, Any]:
    """A device, its role under the name that a version has for it."""
    field_name = "device_role" if version == "3.5" else "role"
    return {
        "id": number,
        "url": f"/api/dcim/devices/{number}/",
        "name": name,
        field_name: {"id": 1, "name": role.title(), "slug": role},
        "site": {"id": site, "name": "x", "slug": "x"},
        "platform": platform and {"id": 1, "name": platform.title(), "slug": platform},
        "primary_ip4": address and {"id": 1, "address": address, "family": {"value": 4, "label": "IPv4"}},
        "primary_ip6": None,
        "status": {"value": status, "label": status.title()},
        "custom_fields": {},
    }


SITES = [
    make_site(1, "第一小学校", region="第一区", pupils=312),
    make_site(2, "第二小学校", region="第一区", pupils=420, line="閉域VPN", mbps=200),
]
"""Two schools: one that the small city has, and one that it has not."""


@contextmanager
def serve(stand_in: StandIn, tls: SSLContext | None = None) -> Iterator[StandIn]:
    """Answer on loopback until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(stand_in))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    stand_in.url = f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _make_handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            stand_in.asked.append(self.path)
            stand_in.tokens.append(self.headers.get("Authorization", ""))
            instead = stand_in.answers(parts.path, len(stand_in.asked))
            if instead is not None:
                self._send(*instead)
                return
            status, document = _answer(stand_in, parts.path, parts.query, self.headers.get("Authorization", ""))
            location = {"Location": f"{parts.path}/"} if status == 301 else {}
            self._send(status, location, json.dumps(document).encode())

        def do_POST(self) -> None:
            self._send(405, {}, b'{"detail": "this stand-in is only read"}')

        def __getattr__(self, name: str) -> object:
            """Answer every other method as POST."""
            if name.startswith("do_"):
                return self.do_POST
            raise AttributeError(name)

        def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            whole = {"Content-Type": "application/json", "API-Version": stand_in.version, **headers}
            whole.setdefault("Content-Length", str(len(content)))
            for name, value in whole.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _answer(stand_in: StandIn, path: str, query: str, login: str) -> tuple[int, Any]:
    if path not in _PARAMETERS:
        return (301, {}) if f"{path}/" in _PARAMETERS else (404, {"detail": "Not found."})
    known = {f"Token {V1_TOKEN}"} | ({f"Bearer {V2_TOKEN}"} if stand_in.numbers >= (4, 5) else set())
    if not login:
        return 403, {"detail": "Authentication credentials were not provided."}
    if login not in known:
        return 403, {"detail": "Invalid token"}
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    unknown = set(parameters) - _PARAMETERS[path]
    if unknown or parameters.get("exclude", "config_context") != "config_context":
        return 400, {"detail": f"this stand-in does not model {sorted(unknown) or 'this exclude'}"}
    listed = stand_in.sites if path.endswith("/sites/") else stand_in.devices
    return 200, _build_page(stand_in, path, listed, parameters)


def _build_page(
    stand_in: StandIn, path: str, listed: list[dict[str, Any]], parameters: dict[str, str]
) -> dict[str, Any]:
    limit = min(int(parameters.get("limit", PAGINATE_COUNT)) or stand_in.max_page_size, stand_in.max_page_size)
    offset = int(parameters.get("offset", 0))
    further = offset + limit < len(listed)
    kept = {name: value for name, value in parameters.items() if name not in ("limit", "offset")}
    following = urlencode({**kept, "limit": limit, "offset": offset + limit})
    return {
        "count": len(listed),
        "next": f"{stand_in.url}{path}?{following}" if further else None,
        "previous": None,
        "results": listed[offset : offset + limit],
    }
