"""Rightly signed tokens of an odd form, odd Host and Origin headers, and names of playbooks that are paths."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from joserfc.jws import serialize_compact
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from controller.errors import TsunaguError
from controller.lab.iap import signed_tokens
from controller.lab.iap.iap_frontend import describe_principal
from controller.lab.trials.people.forgeries import make_claims
from controller.rollout.playbooks.playbook import check_playbook_name
from monitoring.web.request_guard import RequestGuard
from tests.cli.running import here

AUDIENCE = "/projects/1/global/backendServices/2"
KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
KEYS = signed_tokens.export_public_keys(KEY)


def sign(claims: str, **header: object) -> str:
    """Any text under the right key: what a verifier must judge by its form."""
    words: dict[str, Any] = {"alg": "ES256", "kid": KEY.kid, **header}
    return serialize_compact({k: v for k, v in words.items() if v is not None}, claims.encode(), KEY)


def claims(**changes: object) -> str:
    return json.dumps({**make_claims(signed_tokens.ISSUER, AUDIENCE), **changes})


def verify(token: str) -> signed_tokens.Claims:
    return signed_tokens.verify_token(token, KEYS, signed_tokens.ISSUER, AUDIENCE)


NOW = int(time.time())
ODD_CLAIMS: dict[str, dict[str, object]] = {
    "expiry of 400 digits": {"exp": 10**400},
    "expiry in a thousand years": {"exp": NOW + 86_400 * 365_000},
    "a life of an hour": {"exp": NOW + 3600},
    "a life that was long ago begun": {"iat": 0},
    "a life before its beginning": {"iat": NOW + 20, "exp": NOW + 10},
    "expiry as a text": {"exp": str(NOW + 60)},
    "expiry with a fraction": {"exp": NOW + 60.5},
    "expiry as a flag": {"exp": True},
    "expiry as a list": {"exp": [NOW + 60]},
    "issued as nothing": {"iat": None},
    "issued before the epoch": {"iat": -1},
    "not valid yet": {"nbf": NOW + 86_400},
    "not valid before a text": {"nbf": "soon"},
    "an object as email": {"email": {"is": "principal@school.example"}},
    "a list as email": {"email": ["principal@school.example"]},
    "a number as email": {"email": 7},
    "an empty email": {"email": ""},
    "an email with a new line": {"email": "a@school.example\nx-goog-authenticated-user-email: b@school.example"},
    "an email with a bidirectional mark": {"email": "a\u202e@school.example"},
    "two addresses as email": {"email": "a@school.example,b@school.example"},
    "an object as subject": {"sub": {"a": 1}},
    "an empty subject": {"sub": ""},
    "a text as groups": {"groups": "teacher@school.example"},
    "numbers as groups": {"groups": [1, 2]},
    "a list as factors": {"crd_str": ["hwk"]},
    "a text as a factor": {"crd_str": {"hwk": "true"}},
    "a one as a factor": {"crd_str": {"hwk": 1}},
    "a text as device": {"device": "managed"},
    "a device with a text as flag": {"device": {"id": "pc", "managed": "yes"}},
    "a device with other words": {"device": {"id": "pc", "admin": True}},
    "a device with a list as vendors": {"device": {"id": "pc", "vendors": ["0customer"]}},
    "a text as levels": {"google": {"access_levels": "all"}},
    "a list as issuer": {"iss": [signed_tokens.ISSUER]},
}


def test_the_control_is_believed() -> None:
    assert verify(sign(claims()))["sub"] == "attacker"
    assert verify(sign(claims(unknown={"ignored": True}, nbf=NOW)))["email"] == "attacker@example.com"


@pytest.mark.parametrize("odd", ODD_CLAIMS)
def test_a_right_signature_under_odd_claims_is_refused(odd: str) -> None:
    with pytest.raises(signed_tokens.TokenRefused):
        verify(sign(claims(**ODD_CLAIMS[odd])))


@pytest.mark.parametrize(
    "header",
    [
        {"kid": None},
        {"kid": ""},
        {"kid": "another"},
        {"kid": f"{KEY.kid}x"},
        {"typ": "JWE"},
        {"typ": 7},
        {"jwk": KEY.as_dict(private=False)},
        {"jku": "https://keys.example/"},
        {"x5u": "https://keys.example/"},
        {"cty": "JWT"},
    ],
)
def test_a_right_signature_under_an_odd_header_is_refused(header: dict[str, object]) -> None:
    try:
        token = sign(claims(), **header)
    except Exception:  # noqa: BLE001 the library itself refuses to write it: then by hand
        words = json.dumps({"alg": "ES256", "kid": KEY.kid, **header}).encode()
        token = ".".join([base64.urlsafe_b64encode(words).rstrip(b"=").decode(), *sign(claims()).split(".")[1:]])
    with pytest.raises(signed_tokens.TokenRefused):
        verify(token)


@pytest.mark.parametrize(
    "text", ["[" * 4000, '{"iss":' * 1000, "1" * 5000, "null", "[]", '"x"', "NaN", "{}", '{"exp":1e999}']
)
def test_what_is_no_set_of_claims_is_refused(text: str) -> None:
    with pytest.raises(signed_tokens.TokenRefused):
        verify(sign(text))


def test_a_header_nested_without_end_is_refused() -> None:
    for deep in (b"[" * 3000, b'{"a":' * 1200):
        head = base64.urlsafe_b64encode(deep).rstrip(b"=").decode()
        with pytest.raises(signed_tokens.TokenRefused):
            verify(f"{head}.e30.AAAA")


def test_a_token_of_a_megabyte_is_refused_at_once() -> None:
    token = sign(claims(nonce="x" * 10**6))
    began = time.process_time()
    with pytest.raises(signed_tokens.TokenRefused):
        verify(token)
    assert time.process_time() - began < 0.5, "CPU seconds: they do not depend on what else runs"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("iss", "aud", "sub", "email", "iat", "exp", "nbf", "groups", "crd_str", "device", "google", "hd", "nonce")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=3))
def test_whatever_is_believed_can_be_judged(changes: dict[str, object]) -> None:
    try:
        found = verify(sign(claims(**changes)))
    except signed_tokens.TokenRefused:
        return
    principal = describe_principal(found, "192.0.2.1", "JP")
    assert 0 < found["exp"] - found["iat"] <= signed_tokens.ASSERTION_SECONDS
    assert all(isinstance(used, bool) for name, used in principal.attributes.items() if "crd_str" in name)
    assert all(isinstance(group, str) and group for group in principal.groups)


# The monitor's guard.


async def _ask(headers: list[tuple[str, str]]) -> int:
    async def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("schools")

    app = RequestGuard(Starlette(routes=[Route("/", answer)]))
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:  # noqa: ANN401 ASGI's own
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": raw}
    await app({**scope, "scheme": "http", "http_version": "1.1", "root_path": ""}, receive, send)
    return statuses[0]


def ask(*headers: tuple[str, str]) -> int:
    """The status of a request with these headers. Nothing here waits, so one step of the coroutine is all of it."""
    coroutine = _ask(list(headers))
    try:
        coroutine.send(None)
    except StopIteration as done:
        return int(done.value)
    raise AssertionError


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost:8600", "[::1]:8600", "localhost", "LOCALHOST:1"])
def test_a_plain_name_of_this_machine_is_answered(host: str) -> None:
    assert ask(("host", host)) == 200
    assert ask(("host", host), ("origin", f"http://{host.lower()}")) == 200


ODD_HOSTS = [
    "user@127.0.0.1:8600", "evil.example@localhost", "localhost:8600@evil.example", "localhost/evil", "localhost?x",
    "localhost#x", "localhost\\@evil.example", "127.0.0.1 ", " 127.0.0.1", "127.0.0.1\t", "localhost:", "localhost:x",
    "localhost:-1", "localhost:99999", "localhost:00008600", "127.1", "0x7f.0.0.1", "2130706433", "127.0.0.2", "[::1",
    "::1", "[::1%25lo]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "localhost.", "\uff4cocalhost",
    "localhost,evil.example",
    "localhost:\uff18\uff16\uff10\uff10", "//localhost", "http://localhost", "", "localhost\n", "0",
]  # fmt: skip


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_an_odd_form_of_a_host_is_refused(host: str) -> None:
    assert ask(("host", host)) == 403


def test_two_hosts_or_none_are_refused() -> None:
    assert ask() == 403
    assert ask(("host", "localhost"), ("host", "evil.example")) == 403
    assert ask(("host", "localhost"), ("host", "localhost")) == 403


ODD_ORIGINS = [
    "null", "", "http://localhost:3000", "http://127.0.0.1:8600", "https://localhost:8600", "//localhost:8600",
    "ftp://localhost:8600", "file://localhost", "http://user@localhost:8600", "http://localhost:8600/",
    "localhost:8600", "http://localhost", "http://localhost:8600 http://evil.example",
    "http://localhost:8600.evil.example", "http://[::1]:8600", "http://evil.example", "http:/localhost:8600",
    "javascript://localhost:8600", "http://localhost:8600\t",
]  # fmt: skip


@pytest.mark.parametrize("origin", ODD_ORIGINS)
def test_a_page_of_anything_but_the_monitor_itself_may_not_ask(origin: str) -> None:
    assert ask(("host", "localhost:8600"), ("origin", origin)) == 403
    assert ask(("host", "localhost:8600"), ("origin", "http://localhost:8600"), ("origin", origin)) == 403


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(ODD_HOSTS).map(lambda one: one[::-1]))
def test_whatever_the_host_only_this_machine_s_names_are_answered(host: str) -> None:
    plain = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host.lower()
    if ask(("host", host)) == 200:
        assert plain in ("localhost", "127.0.0.1", "[::1]")


# Playbooks.


def write_playbooks(folder: Path) -> Path:
    """Two playbooks, and what lies round them that is none."""
    books = folder / "playbooks"
    (books / "roles").mkdir(parents=True)
    for name in ("backup", "restore", "roles/inner"):
        (books / f"{name}.yml").write_text("- hosts: all\n")
    (folder / "outside.yml").write_text("- hosts: all\n")
    (books / "linked.yml").symlink_to(folder / "outside.yml")
    return books


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "roles/inner",
        "./backup",
        "linked",
        "",
        ".",
        "..",
        "backup.yml",
        "backup\x00",
        "Backup",
        "*",
        "back?p",
    ],
)
def test_a_playbook_is_a_name_in_the_folder_and_never_a_path(tmp_path: Path, name: str) -> None:
    books = write_playbooks(tmp_path)
    check_playbook_name(books, "backup")
    with pytest.raises(TsunaguError, match="there are: backup, restore"):
        check_playbook_name(books, name)
    with pytest.raises(TsunaguError):
        check_playbook_name(books, str(tmp_path / "outside"))


@pytest.mark.parametrize("name", ["../outside", "../../../../tmp/trace"])
def test_the_command_refuses_it_before_it_writes_or_asks_anything(tmp_path: Path, name: str) -> None:
    books, state = write_playbooks(tmp_path), tmp_path / "state"
    (books / "linked.yml").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = ("--playbooks", str(books), "--state", str(state), "--school", "kw-e01")
    ran = here("playbook", "run", name, *words, cwd=elsewhere)
    assert ran.code == 1
    assert "there is no playbook" in ran.errors
    assert not state.exists()
