"""Logging in at a provider of OpenID Connect: a whole flow over TLS, and everything in it that may be wrong."""

from __future__ import annotations

import asyncio
import html
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.errors import OperationsRefused
from controller.messages import load_catalogue
from controller.operations.monitor_settings import OidcLogin
from controller.operations.operators_file import load_monitor_operations
from monitoring.listening.build_login import build_login
from monitoring.login.https_fetch import Fetched, FetchFailed, build_fetch
from monitoring.login.oidc_provider import OidcProvider
from tests.monitoring.login.beside import HOST, URL, Answer, Door, fit_example, monitor_beside, write_operators
from tests.monitoring.login.certificates import Authority
from tests.monitoring.login.oidc_stand_in import CLIENT, SECRET, StandIn, serve_provider
from tests.monitoring.login.signing import (
    EllipticSigner,
    RsaSigner,
    forge_with_secret,
    leave_unsigned,
    sign_token,
)

OPERATOR = "hanako@city.example"
SESSION = "__Host-tsunagu-session"
PATHS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
DESCRIBED = json.dumps(
    {"issuer": "https://login.example.jp", **{name: f"https://login.example.jp/{path}" for name, path in PATHS.items()}}
).encode()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def provider(city: Authority) -> Iterator[StandIn]:
    with serve_provider(f"{URL}/login/back", city.give("provider")) as started:
        yield started


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, city: Authority, provider: StandIn) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("monitor")
    with monitor_beside(folder, write_section(folder, city, provider), city.certificate) as started:
        yield started


def write_section(folder: Path, city: Authority, provider: StandIn, secret: str = SECRET) -> str:
    certificate, key = city.give("monitor")
    (folder / "secret").write_text(f"{secret}\n", encoding="ascii")
    (folder / "secret").chmod(0o600)
    pem = "/etc/tsunagu/monitor"
    return fit_example(
        0,
        {
            "https://monitor.example.jp:8643": URL,
            f"{pem}/certificate.pem": str(certificate),
            f"{pem}/key.pem": str(key),
            "https://login.example.jp": provider.issuer,
            f"{pem}/client-secret": f"{folder}/secret",
            f"{pem}/city-ca.pem": str(city.certificate),
        },
    )


@pytest.fixture(autouse=True)
def right(request: pytest.FixtureRequest) -> None:
    """A provider that says what is right, and a browser without cookies."""
    if "door" in request.fixturenames:
        provider, door = request.getfixturevalue("provider"), request.getfixturevalue("door")
        provider.person, provider.sign = {"email": OPERATOR}, sign_token
        provider.refused.clear()
        door.cookies.clear()


def go_to_provider(door: Door, provider: StandIn, where: str) -> str:
    """A browser at the provider, which logs it in and sends it back; the path that it comes back to."""
    assert where.startswith(f"{provider.issuer}/authorize?"), where
    parts = urlsplit(where)
    with closing(http.client.HTTPSConnection("localhost", parts.port or 0, timeout=30, context=door.context)) as link:
        link.request("GET", f"{parts.path}?{parts.query}")
        answer = link.getresponse()
        back = answer.headers["Location"]
        assert answer.status == 302, provider.refused
    assert back.startswith(f"{URL}/login/back?")
    return back.removeprefix(URL)


def log_in(door: Door, provider: StandIn, page: str = "/") -> Answer:
    begun = door.ask(f"/login?to={page}")
    assert begun.status == 303
    return door.ask(go_to_provider(door, provider, begun.headers["Location"]), Accept="text/html", Accept_Language="en")


def test_a_browser_logs_in_sees_the_page_that_it_wanted_and_logs_out(door: Door, provider: StandIn) -> None:
    first = door.ask("/schools/as-e01?lang=en", Accept="text/html")
    assert first.status == 303
    begun = door.ask(first.headers["Location"])
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert (asked["code_challenge_method"], asked["scope"]) == (["S256"], ["openid email"])
    back = door.ask(go_to_provider(door, provider, begun.headers["Location"]))
    assert (back.status, back.headers["Location"]) == (303, "/schools/as-e01?lang=en")
    assert list(door.cookies) == [SESSION], "what the login had to remember is gone"
    page = door.ask(back.headers["Location"], Accept="text/html")
    assert (page.status, f"{OPERATOR} (operator)" in page.text) == (200, True)
    assert '<form method="post" action="/logout">' in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    # By "no-referrer" a browser would send "Origin: null" with the form, which is refused (Fetch Standard).
    assert page.headers["referrer-policy"] == "same-origin"
    assert door.act("/api/actions/end", {"id": "0" * 12, "reason": "x"}).status == 404, "an operator may; there is none"
    kept = dict(door.cookies)
    assert door.ask("/logout", "POST", Origin="https://evil.example").status == 403
    assert door.ask("/logout", "POST").status == 403
    assert door.ask("/api/city").status == 200
    out = door.ask("/logout", "POST", Origin=URL, Accept_Language="en")
    assert (out.status, "You are logged out" in out.text, SESSION in door.cookies) == (200, True, False)
    door.cookies.update(kept)
    assert door.ask("/api/city").status == 401, "the session itself is over, whoever kept the cookie"


def test_a_group_of_the_provider_gives_a_role(door: Door, provider: StandIn) -> None:
    provider.person = {"email": "Board@City.example", "groups": ["他の課", "board-of-education"]}
    assert log_in(door, provider).status == 303
    assert "board@city.example (reader)" in door.ask("/?lang=en", Accept="text/html").text
    answer = door.act("/api/needs/note", {"need": "x", "reason": "y"})
    assert (answer.status, "may read, and change nothing" in answer.json["error"]) == (403, True)


def test_who_has_no_role_gets_no_session_and_sees_nothing(door: Door, provider: StandIn) -> None:
    provider.person = {"email": "guest@city.example"}
    answer = log_in(door, provider)
    assert (answer.status, "No role here" in answer.text, door.cookies) == (403, True, {})
    assert "guest@city.example is logged in and has no role here" in answer.text


def test_a_stream_ends_when_its_reader_logs_out(door: Door, provider: StandIn) -> None:
    log_in(door, provider)
    with closing(door.connect()) as connection:
        said = {"Host": HOST, "Cookie": f"{SESSION}={door.cookies[SESSION]}"}
        connection.request("GET", "/api/events", headers=said)
        stream = connection.getresponse()
        assert stream.read(6) == b"retry:"
        assert door.ask("/logout", "POST", Origin=URL).status == 200
        began = time.monotonic()
        while stream.read1(4096):  # a heartbeat every 5 s, for ever
            assert time.monotonic() - began < 20


def assert_translated(answer: Answer) -> None:
    """The reason, which stands on the English page, is one that a Japanese one says in Japanese."""
    reasons = [html.unescape(one) for one in re.findall(r'<p lang="en">(.*?)</p>', answer.text)]
    assert [load_catalogue("ja").translate("login_reasons", one).isascii() for one in reasons] == [False]


Sign = Callable[[Any, dict[str, Any]], str]
WRONG: dict[str, tuple[dict[str, Any], Sign, str]] = {
    "unsigned": ({}, lambda one, said: leave_unsigned(said, one.kid), "no signed token"),
    "the public key as a secret": ({}, lambda one, said: forge_with_secret(b"k", said, one.kid), "another algorithm"),
    "ES256": ({}, lambda one, said: sign_token(EllipticSigner(one.kid), said), "another algorithm"),
    "a key of another": ({}, lambda one, said: sign_token(RsaSigner(one.kid), said), "signature"),
    "an unknown key": ({}, lambda _, said: sign_token(RsaSigner("p9"), said), "does not show"),
    "another issuer": ({"iss": "https://other.example"}, sign_token, "iss"),
    "another audience": ({"aud": "another"}, sign_token, "aud"),
    "two audiences": ({"aud": [CLIENT, "another"]}, sign_token, "aud"),
    "made for another": ({"aud": [CLIENT, "another"], "azp": "another"}, sign_token, "aud"),
    "expired": ({"iat": 1_000_000_000, "exp": 1_000_000_300}, sign_token, "expired"),
    "issued in the future": ({"iat": 4_000_000_000, "exp": 4_000_000_300}, sign_token, "future"),
    "another nonce": ({"nonce": "x"}, sign_token, "nonce"),
    "no nonce": ({"nonce": None}, sign_token, "nonce"),
    "no e-mail": ({"email": None}, sign_token, "email"),
    "an empty e-mail": ({"email": ""}, sign_token, "email"),
    "an e-mail that is not verified": ({"email_verified": False}, sign_token, "verified"),
    "an e-mail of which nothing is said": ({"email_verified": None}, sign_token, "verified"),
    "an e-mail verified by a text": ({"email_verified": "true"}, sign_token, "email_verified"),
    "groups as a text": ({"groups": "board-of-education"}, sign_token, "groups"),
    "groups as an object": ({"groups": {"board-of-education": True}}, sign_token, "groups"),
    "numbers among groups": ({"groups": ["board-of-education", 1]}, sign_token, "groups"),
    "very many groups": ({"groups": [f"g{number}" for number in range(501)]}, sign_token, "groups"),
    "huge": ({"pad": "x" * 9000}, sign_token, "at most"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_word_of_the_provider_that_is_wrong_lets_nobody_in(door: Door, provider: StandIn, name: str) -> None:
    changes, provider.sign, why = WRONG[name]
    provider.person = {"email": OPERATOR, **changes}
    answer = log_in(door, provider)
    assert (answer.status, "The login failed" in answer.text) == (401, True)
    assert why in answer.text
    assert_translated(answer)
    assert SESSION not in door.cookies
    assert SECRET not in answer.text


def begin_login(door: Door, provider: StandIn) -> str:
    return go_to_provider(door, provider, door.ask("/login").headers["Location"])


def test_a_login_that_another_browser_began_is_not_ended_in_this_one(door: Door, provider: StandIn) -> None:
    back = begin_login(door, provider)
    theirs = dict(door.cookies)
    door.cookies.clear()
    answer = door.ask(back, Accept="text/html", Accept_Language="en")
    assert (answer.status, "began no such login" in answer.text, door.cookies) == (401, True, {})
    begin_login(door, provider)
    assert door.ask(back).status == 401, "this browser's own login is another one"
    door.cookies = {name: next(iter(door.cookies.values())) for name in theirs}
    assert door.ask(back).status == 401, "another login's sealed words under this one's name"


@pytest.mark.parametrize(
    "change",
    [
        lambda back: back.replace("state=", "state=x"),
        lambda back: back.replace("state=", "stat="),
        lambda back: back.replace("code=", "cod="),
        lambda back: f"{back}&code=another",
        lambda back: f"{back}&error=access_denied",
        lambda back: back.partition("&iss=")[0] + "&iss=https%3A%2F%2Fother.example",
    ],
)
def test_a_way_back_that_was_changed_lets_nobody_in(
    door: Door, provider: StandIn, change: Callable[[str], str]
) -> None:
    answer = door.ask(change(begin_login(door, provider)))
    assert (answer.status, SESSION in door.cookies) == (401, False)


def test_a_code_counts_once_and_several_tabs_may_begin_at_once(door: Door, provider: StandIn) -> None:
    first, second = begin_login(door, provider), begin_login(door, provider)
    assert [door.ask(one).status for one in (first, second)] == [303, 303]
    sealed = dict(door.cookies)
    door.cookies.clear()
    third = begin_login(door, provider)
    waiting = dict(door.cookies)
    assert door.ask(third).status == 303
    door.cookies = {**sealed, **waiting}
    again = door.ask(third, Accept="text/html", Accept_Language="en")
    assert (again.status, provider.refused) == (503, ["token: a code that was shown before, or never given"])
    assert_translated(again)


def test_after_the_login_nobody_is_sent_to_another_site(door: Door, provider: StandIn) -> None:
    for page in ("//evil.example/", "https://evil.example/", "/%5Cevil.example", "x" * 300, "/%0d%0aSet-Cookie:x=1"):
        assert log_in(door, provider, page).headers["Location"] == "/", page


def test_cookies_of_an_odd_form_are_no_session(door: Door, provider: StandIn) -> None:
    log_in(door, provider)
    shown = door.cookies[SESSION]
    door.cookies.clear()
    for cookie in (
        f"{SESSION}={shown}; {SESSION}={shown}",
        f"{SESSION}={shown}x",
        f"{SESSION}=",
        f"x{SESSION}={shown}",
    ):
        assert door.ask("/api/city", Cookie=cookie).status == 401, cookie
    assert door.ask("/api/city", Cookie=f"a=1; {SESSION}={shown}").status == 200


def test_keys_that_are_known_are_not_asked_for_again(door: Door, provider: StandIn) -> None:
    assert log_in(door, provider).status == 303
    count = provider.asked.count("/keys")
    for _ in range(3):
        assert log_in(door, provider).status == 303
    assert provider.asked.count("/keys") == count


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Fetched(200, b'{"issuer": "https://other.example"}'), "not with what a provider says"),
        (Fetched(200, DESCRIBED.replace(b"login.example", b"other.example")), "describes another issuer"),
        (
            Fetched(200, DESCRIBED.replace(b"https://login.example.jp/token", b"http://login.example.jp/token")),
            "says of",
        ),
        (Fetched(404, DESCRIBED), "answers 404"),
        (Fetched(200, b"<html>"), "not with what a provider says"),
        (None, "away"),
    ],
)
def test_a_provider_that_is_away_or_another_is_named_and_not_asked_again_at_once(
    answer: Fetched | None, says: str
) -> None:
    asked: list[str] = []
    now = [0.0]

    async def fetch(url: str, _: object, __: object) -> Fetched:
        asked.append(url)
        if answer is None:
            raise FetchFailed(says)
        return answer

    settings = OidcLogin.model_validate({"issuer": "https://login.example.jp", "client": "x", "secret": "/x"})
    provider = OidcProvider(settings, "s", fetch, running=lambda: now[0])
    for _ in range(3):
        with pytest.raises(FetchFailed):
            asyncio.run(provider.find_paths())
    assert len(asked) == 1
    now[0] += 60
    with pytest.raises(FetchFailed, match=says):
        asyncio.run(provider.find_paths())


def ask_once(context: ssl.SSLContext, url: str, seconds: float = 5.0) -> None:
    async def ask() -> None:
        await build_fetch(context, seconds)(url, {}, None)

    asyncio.run(ask())


def test_an_answer_is_bounded_in_bytes_and_time(city: Authority, provider: StandIn) -> None:
    context = ssl.create_default_context(cafile=str(city.certificate))
    ask_once(context, f"{provider.issuer}/keys")
    provider.describes = {"pad": "x" * 300_000}
    try:
        with pytest.raises(FetchFailed, match="more than"):
            ask_once(context, f"{provider.issuer}/.well-known/openid-configuration")
    finally:
        provider.describes = {}
    with pytest.raises(FetchFailed, match="certificate is not believed"):
        ask_once(ssl.create_default_context(), f"{provider.issuer}/keys")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchFailed, match="no whole answer within"):
        ask_once(context, f"https://localhost:{silent.getsockname()[1]}/", 0.2)
    with pytest.raises(FetchFailed, match="is no https address"):
        ask_once(context, "http://localhost/")


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o600, "is missing; put there what"),
        (f"{SECRET}\n", 0o640, "chmod 600 it"),
        ("short\n", 0o600, "holds no client secret"),
        ("two lines\nof words\n", 0o600, "holds no client secret"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_and_never_shown(  # noqa: PLR0913, PLR0917 what a secret is
    tmp_path: Path, city: Authority, provider: StandIn, content: str | None, mode: int, says: str
) -> None:
    section = write_section(tmp_path, city, provider)
    (tmp_path / "secret").unlink()
    if content is not None:
        (tmp_path / "secret").write_text(content, encoding="ascii")
        (tmp_path / "secret").chmod(mode)
    operations = load_monitor_operations(write_operators(tmp_path, section))
    with pytest.raises(OperationsRefused) as caught:
        build_login(operations.monitor)
    told = str(caught.value)
    assert says in told
    assert f"{tmp_path}/secret:1" in told
    assert content is None or content.strip() not in told
