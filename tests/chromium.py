"""Debian's own Chromium for tests that look at pages as a reader does."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.missing_parts import skip_or_fail

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TELL_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
"""A script that keeps what a page's content security policy refused; given to a window before it opens a page."""


@contextmanager
def open_chromium(*more: str) -> Iterator[Browser]:
    """A browser without a window, with more arguments; where there is none, CI fails and other machines skip.

    Hold it no longer than a module: as long as Playwright is there, its event loop runs in this thread, and nothing
    else's can.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*ARGUMENTS, *more])
        yield browser
        browser.close()


@contextmanager
def open_lifelike_chromium(profile: Path, *more: str) -> Iterator[BrowserContext]:
    """A browser as a reader has it: only the tab in front is visible, and the others can be frozen.

    In one that Playwright starts every tab takes itself for the one in front. Playwright's event loop must not run yet.
    """
    arguments = [
        find_chromium(),
        *ARGUMENTS,
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        *more,
    ]
    process = subprocess.Popen([*arguments, "about:blank"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told = (line.partition("DevTools listening on ")[2].strip() for line in process.stderr)
        address = next(one for one in told if one)
        with sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(address, no_defaults=True)
            yield browser.contexts[0]
            browser.close()
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def find_chromium() -> str:
    """The path of the browser; where there is none, CI fails and other machines skip."""
    program = shutil.which("chromium")
    if program is None:
        skip_or_fail("chromium is not installed: apt-get install chromium")
    return program
