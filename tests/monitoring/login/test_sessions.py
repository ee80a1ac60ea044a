"""Sessions: few of one person, and over at once where they end before their time; and what a login may cost."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message

from controller.operations.monitor_settings import OidcLogin, RoleSettings
from monitoring.limits import (
    FAILED_LOGINS_SECONDS,
    LOGIN_LOG_SECONDS,
    MOST_FAILED_LOGINS,
    MOST_SESSIONS,
    MOST_SESSIONS_EACH,
    MOST_UNDER_WAY,
)
from monitoring.login.https_fetch import Fetch, Fetched, FetchFailed
from monitoring.login.login_method import Identity
from monitoring.login.oidc_login import OidcSessions
from monitoring.login.oidc_provider import LoggedIn, OidcProvider
from monitoring.login.sessions import Sessions
from monitoring.web.pages import render_notice
from tests.monitoring.login.beside import HOST, URL
from tests.monitoring.login.certificates import Authority
from tests.monitoring.login.test_oidc_login import DESCRIBED, ask_once

SETTINGS = OidcLogin.model_validate({"issuer": "https://login.example.jp", "client": "x", "secret": "/x"})


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def person(email: str = "a@city.example", until: float = 1_800_003_600.0) -> Identity:
    return Identity(email, (), until)


def test_whoever_logs_in_again_and_again_ends_his_own_sessions_alone() -> None:
    sessions = Sessions(Clock())
    kept = sessions.begin_session(person("b@city.example"))
    shown = [sessions.begin_session(person()) for _ in range(MOST_SESSIONS + 1)]
    assert sessions.find_session(kept) is not None
    assert [sessions.find_session(one) is not None for one in shown[-MOST_SESSIONS_EACH - 1 :]] == [
        False,
        *[True] * MOST_SESSIONS_EACH,
    ]


def test_beyond_the_bound_the_oldest_session_ends() -> None:
    sessions = Sessions(Clock())
    shown = [sessions.begin_session(person(f"a{number}@city.example")) for number in range(MOST_SESSIONS + 1)]
    assert [sessions.find_session(one) is not None for one in (shown[0], shown[1], shown[-1])] == [False, True, True]


def test_a_session_ends_in_time_whatever_is_done_to_the_machines_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    async def redeem(_: object) -> LoggedIn:
        return LoggedIn("a@city.example", ())

    provider = OidcProvider(SETTINGS, "s", _describe)
    monkeypatch.setattr(provider, "redeem_code", redeem)
    roles = RoleSettings.model_validate({"reader": {"emails": ["a@city.example"]}})
    login = OidcSessions(SETTINGS, provider, roles, URL, render_notice)
    browser = Browser(Starlette(routes=login.build_routes()))
    began = time.monotonic()
    assert browser.ask(f"/login/back?state={browser.begin()}&code=x")[0] == 303
    identity = login.sessions.find_session(browser.cookies["__Host-tsunagu-session"])
    assert identity is not None
    assert 0 <= identity.until - began - 8 * 3600 < 60, "by the clock that nobody puts back"


def test_what_is_being_answered_ends_with_its_session() -> None:
    sessions = Sessions(Clock())

    async def answer(identity: Identity) -> str:
        try:
            async with asyncio.timeout(60) as bound:
                identity.answering.add(bound)
                await asyncio.Event().wait()
        except TimeoutError:
            return "ended"
        return "whole"

    async def play() -> list[str]:
        mine, other = person(), person("b@city.example")
        shown, _ = sessions.begin_session(mine), sessions.begin_session(other)
        tasks = [asyncio.create_task(answer(one)) for one in (mine, mine, other)]
        await asyncio.sleep(0)
        sessions.end_session(shown)
        sessions.end_session(shown)
        ended = await asyncio.wait_for(asyncio.gather(*tasks[:2]), 10)
        assert not tasks[2].done()
        tasks[2].cancel()
        return ended

    assert asyncio.run(play()) == ["ended", "ended"]


async def _describe(url: str, _: object, __: object) -> Fetched:
    await asyncio.sleep(0)  # others ask meanwhile
    assert url.endswith("/.well-known/openid-configuration")
    return Fetched(200, DESCRIBED)


class Browser:
    """Asks an application, without a network, and keeps its cookies: the oldest stands first, as in browsers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.cookies: dict[str, str] = {}
        self.led_to = ""

    def ask(self, path: str, cookie: str = "") -> tuple[int, list[str]]:
        """The status of an answer, and the cookies that it sets."""
        parts = urlsplit(path)
        shown = cookie or "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            answer.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "https",
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(b"host", HOST.encode()), (b"cookie", shown.encode("latin-1"))],
        }
        asyncio.run(self._run(scope, receive, send))
        lines = [value.decode("latin-1") for name, value in answer[0]["headers"] if name == b"set-cookie"]
        self.led_to = next((value.decode() for name, value in answer[0]["headers"] if name == b"location"), "")
        for line in lines:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in line:
                self.cookies[name] = value
        return answer[0]["status"], lines

    def begin(self) -> str:
        """Begin to log in; the state that the provider is to bring back."""
        self.ask("/login")
        return parse_qs(urlsplit(self.led_to).query)["state"][0]

    async def _run(self, *call: Any) -> None:  # noqa: ANN401 as applications have it
        await self._app(*call)


def build_browser(clock: Clock | None = None, fetch: Fetch = _describe) -> Browser:
    """A browser at a monitor that has nothing but its login."""
    provider = OidcProvider(SETTINGS, "s", fetch)
    login = OidcSessions(SETTINGS, provider, RoleSettings(), URL, render_notice, clock or Clock())
    return Browser(Starlette(routes=login.build_routes()))


def test_all_pages_that_begin_to_log_in_at_once_are_led_to_the_provider() -> None:
    asked: list[str] = []

    async def fetch(url: str, headers: object, body: object) -> Fetched:
        asked.append(url)
        return await _describe(url, headers, body)

    async def play() -> None:
        provider = OidcProvider(SETTINGS, "s", fetch)
        found = await asyncio.gather(*(provider.find_paths() for _ in range(5)))
        assert {one.token_endpoint for one in found} == {"https://login.example.jp/token"}

    asyncio.run(play())
    assert len(asked) == 1


def test_a_browser_that_begins_many_logins_does_not_fill_its_requests() -> None:
    browser = build_browser()
    for _ in range(3 * MOST_UNDER_WAY):
        status, lines = browser.ask("/login?to=/schools/as-e01")
        assert status == 303
    assert len(browser.cookies) == MOST_UNDER_WAY
    assert lines[0].partition("=")[0] in browser.cookies, "the newest stays"
    odd = "; ".join(f"__Host-tsunagu-login-\xff{number}=x" for number in range(40))
    assert len(browser.ask("/login", odd)[1]) == 1, "what is no name of ours is not sent back"


def test_failed_logins_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    browser = build_browser(clock)
    caplog.set_level(logging.WARNING, "tsunagu")
    for _ in range(50):
        assert browser.ask("/login/back?state=x&code=y")[0] == 401
    assert len(caplog.records) == 1
    clock.now += LOGIN_LOG_SECONDS
    browser.ask("/login/back?state=x&code=y")
    clock.now -= 3600  # the clock was put back
    browser.ask("/login/back?state=x&code=y")
    assert len(caplog.records) == 3


def test_made_up_codes_do_not_make_the_monitor_ask_its_provider_without_end() -> None:
    posted: list[object] = []

    async def fetch(url: str, headers: object, body: object) -> Fetched:
        if body is None:
            return await _describe(url, headers, body)
        posted.append(body)
        return Fetched(400, b'{"error": "invalid_grant"}')

    clock = Clock()
    browser = build_browser(clock, fetch)
    state, sealed = browser.begin(), dict(browser.cookies)
    asked = [browser.ask(f"/login/back?state={state}&code={number}")[0] for number in range(20)]
    assert (asked, len(posted)) == ([503] + [401] * 19, 1), "a login whose code failed is over"
    for _ in range(2 * MOST_FAILED_LOGINS):
        browser.ask(f"/login/back?state={browser.begin()}&code=x")
    assert len(posted) == MOST_FAILED_LOGINS, "whoever begins logins without end does not make it ask without end"
    clock.now += FAILED_LOGINS_SECONDS
    browser.cookies = {**sealed, **browser.cookies}
    assert browser.ask(f"/login/back?state={state}&code=x")[0] == 401
    assert browser.ask(f"/login/back?state={browser.begin()}&code=x")[0] == 503
    assert len(posted) == MOST_FAILED_LOGINS + 1


@pytest.mark.parametrize(
    ("told", "leads_to"),
    [
        ("https://login.example.jp/a?policy=city", "https://login.example.jp/a?policy=city&response_type=code&"),
        ("https://login.example.jp:443/a", "https://login.example.jp:443/a?response_type=code&"),
        ("http://login.example.jp/a", None),
        ("https://user@login.example.jp/a", None),
        ("https://login.example.jp/a#b", None),
        ("https://login.example.jp/a\r\nX: y", None),
        ("https://login.example.jp:70000/a", None),
        ("https:///a", None),
    ],
)
def test_an_endpoint_may_have_a_query_and_the_usual_port(told: str, leads_to: str | None) -> None:
    async def fetch(_: str, __: object, ___: object) -> Fetched:
        return Fetched(200, json.dumps({**json.loads(DESCRIBED), "authorization_endpoint": told}).encode())

    browser = build_browser(fetch=fetch)
    assert browser.ask("/login")[0] == (303 if leads_to else 503)
    assert browser.led_to.startswith(leads_to or "")
    assert bool(browser.led_to) == bool(leads_to)


def test_a_provider_that_says_nothing_after_its_handshake_is_left_in_time(tmp_path: Path) -> None:
    city = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*city.give("provider"))
    context = ssl.create_default_context(cafile=str(city.certificate))
    left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            plain, _ = listener.accept()
            with server.wrap_socket(plain, server_side=True):
                left.wait(60)

        thread = threading.Thread(target=shake_hands)
        thread.start()
        try:
            began = time.monotonic()
            with pytest.raises(FetchFailed, match="no whole answer within"):
                ask_once(context, f"https://localhost:{listener.getsockname()[1]}/", 0.5)
            assert time.monotonic() - began < 15
        finally:
            left.set()
            thread.join()


def test_a_name_that_no_host_can_have_is_an_address_that_does_not_answer() -> None:
    with pytest.raises(FetchFailed, match="no answer"):
        ask_once(ssl.create_default_context(), f"https://{'a' * 64}.example.jp/")
