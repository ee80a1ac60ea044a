"""Logging in and out in Chromium, over TLS: what each role sees, and a page that is open when its login ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from controller.telemetry.registry import LINE_UP
from monitoring.limits import MOST_UNDER_WAY
from tests.chromium import TELL_VIOLATIONS, open_chromium, open_lifelike_chromium
from tests.monitoring.feed import metrics
from tests.monitoring.login.beside import HOST, URL, Door, monitor_beside
from tests.monitoring.login.certificates import Authority
from tests.monitoring.login.oidc_stand_in import StandIn, serve_provider
from tests.monitoring.login.test_listening import READER, STRANGER, serve_iap, shown_by
from tests.monitoring.login.test_oidc_login import OPERATOR, SESSION, write_section
from tests.monitoring.page.test_page_stream import NO_LOCKS
from tests.monitoring.running import PROTOBUF

SCHOOL = "as-e02"
PATIENCE_MS = 30_000


class Monitor:
    """A monitor behind a login, and its provider; it can be started again at the same port."""

    def __init__(self, folder: Path, city: Authority, provider: StandIn) -> None:
        self.provider = provider
        self._folder, self._city = folder, city
        self._section = write_section(folder, city, provider)
        self._running = ExitStack()
        self.door = self._start()

    def _start(self) -> Door:
        return self._running.enter_context(monitor_beside(self._folder, self._section, self._city.certificate))

    def restart(self) -> None:
        """End it as an operator does, and start it again; nobody is logged in any more."""
        self._section = self._section.replace("port: 0", f"port: {self.door.port}")
        self._running.close()
        self.door = self._start()

    def close(self) -> None:
        """End it."""
        self._running.close()


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    folder = tmp_path_factory.mktemp("monitor")
    city = Authority(folder)
    with serve_provider(f"{URL}/login/back", city.give("provider")) as provider:
        found = Monitor(folder, city, provider)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def iap_door(tmp_path: Path) -> Iterator[Door]:
    with serve_iap(tmp_path, Authority(tmp_path)) as door:
        yield door


@contextmanager
def log_in(monitor: Monitor, **person: object) -> Iterator[Page]:
    """A browser's window at the page of the city, logged in as somebody."""
    monitor.provider.person = person
    with open_chromium(map_name(monitor.door)) as browser:
        context = browser.new_context(locale="en-GB", ignore_https_errors=True)
        context.add_init_script(TELL_VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(URL)
        expect_live(page)
        yield page
        context.close()


def map_name(door: Door) -> str:
    """Browsers call a monitor by its name, which is this machine's, at the port that the monitor took."""
    return f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{door.port}"


def expect_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-connection", "live", timeout=PATIENCE_MS)


def tell_that_a_line_is_down(door: Door) -> None:
    body = metrics([(LINE_UP, 0.0, {"school": SCHOOL, "line": "primary"})], time.time()).SerializeToString()
    assert door.local.ask("/v1/metrics", "POST", body, PROTOBUF)[0] == 200


def test_an_operator_acts_by_his_name_and_logs_out(monitor: Monitor) -> None:
    tell_that_a_line_is_down(monitor.door)
    with log_in(monitor, email=OPERATOR) as page:
        expect(page.locator(".person")).to_have_text(f"{OPERATOR} (operator)")
        need = page.locator(".need[data-kind=line-down]")
        need.locator(".need-act button").click()
        expect(page.locator("#need-by")).to_have_value(OPERATOR)
        page.locator("#need-kind").select_option("note")
        page.locator("#need-reason").fill("the carrier is told")
        page.locator("#need-form [type=submit]").click()
        expect(page.locator(".need-done")).to_contain_text(OPERATOR)
        page.get_by_role("button", name="Log out").click()
        expect(page.locator("h1")).to_have_text("You are logged out")
        assert SESSION not in {one.get("name") for one in page.context.cookies()}
        assert page.evaluate("window.violations") == []
    assert monitor.provider.refused == []


def test_a_reader_has_no_buttons(monitor: Monitor) -> None:
    tell_that_a_line_is_down(monitor.door)
    with log_in(monitor, email="board@city.example", groups=["board-of-education"]) as page:
        expect(page.locator(".person")).to_have_text("board@city.example (reader)")
        expect(page.locator(".need[data-kind=line-down]")).to_be_visible()
        expect(page.locator(".need-act button")).to_be_hidden()


def test_an_open_page_comes_back_by_itself_after_its_login_ended_or_the_monitor_was_restarted(monitor: Monitor) -> None:
    with log_in(monitor, email=OPERATOR) as page:
        ways: tuple[Callable[[], None], ...] = (lambda: end_session(page, monitor.door), monitor.restart)
        for end in ways:
            # Nobody does anything at the page.
            with page.expect_event("load"):
                end()
            expect_live(page)
            expect(page.locator(".person")).to_have_text(f"{OPERATOR} (operator)")


def test_of_many_tabs_the_one_in_front_logs_in_for_all(monitor: Monitor, tmp_path: Path) -> None:
    monitor.provider.person = {"email": OPERATOR}
    arguments = (map_name(monitor.door), "--ignore-certificate-errors")
    with open_lifelike_chromium(tmp_path, *arguments) as context:
        first = context.new_page()
        first.goto(URL)
        expect_live(first)
        tabs = [first]
        for _ in range(MOST_UNDER_WAY):
            with context.expect_page() as opened:
                first.evaluate("() => void window.open('/rollout')")
            tabs.append(opened.value)
            expect_live(tabs[-1])
        asked = monitor.provider.asked.count("/authorize")
        with tabs[-1].expect_event("load"):
            end_session(first, monitor.door)
        for tab in tabs:
            expect_live(tab)
        assert monitor.provider.asked.count("/authorize") == asked + 1


def test_an_open_page_is_led_to_the_login_of_a_proxy_and_told_of_a_role_that_is_gone(iap_door: Door) -> None:
    with open_chromium(map_name(iap_door)) as browser:
        context = browser.new_context(locale="en-GB", ignore_https_errors=True)
        # Playwright gives headers and answers to pages alone, and not to a worker that they share.
        context.add_init_script(NO_LOCKS)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        context.set_extra_http_headers(show_login(READER, 3))
        page.goto(URL)
        expect_live(page)
        context.set_extra_http_headers(show_login(STRANGER))
        expect(page.locator("h1")).to_have_text("No role here", timeout=PATIENCE_MS)
        context.set_extra_http_headers(show_login(READER, 3))
        page.goto(URL)
        expect_live(page)
        page.route("**", lead_away)
        expect(page.locator("h1")).to_have_text("The proxy's login", timeout=PATIENCE_MS)


def show_login(email: str, seconds: int = 600) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in shown_by(email, seconds).items()}


def lead_away(route: Route) -> None:
    """What a proxy does whose own session is over: it leads everything to its login, which shows itself to readers."""
    if route.request.resource_type == "document":
        route.fulfill(body="<h1>The proxy's login</h1>", content_type="text/html")
    else:
        route.fulfill(status=302, headers={"Location": "https://accounts.example/"})


def end_session(page: Page, door: Door) -> None:
    """End the browser's session from elsewhere, as if its time were over."""
    cookie = next(one for one in page.context.cookies() if one.get("name") == SESSION)
    door.cookies = {SESSION: cookie.get("value", "")}
    assert door.ask("/logout", "POST", Origin=URL).status == 200
