"""A signal that a test sends to its own process never ends the tests."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.rollout.ending_signals import hear_signals
from tests.own_signal import send_own_signal, send_when_heard

TESTS = Path(__file__).parent
IN_CHILDREN = {"chaos/durable_process.py", "chaos/test_planted_durable_faults.py"}
"""Files whose own process is a fork that is meant to end."""
NEVER_ENDS_UNHEARD = {"SIGKILL", "SIGSTOP"}
"""What cannot be handled is sent by processes only that are meant to end, or to stop."""


@contextmanager
def leave_default(number: int) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_nobody_listens_to_is_not_sent(number: signal.Signals) -> None:
    with leave_default(number), pytest.raises(AssertionError, match=f"nobody listens to {number.name}"):
        send_own_signal(number)


def test_what_somebody_listens_to_is_sent() -> None:
    heard: list[str] = []
    with hear_signals(heard.append):
        send_own_signal(signal.SIGTERM)
    assert heard == ["SIGTERM"]


def test_it_is_sent_once_the_block_listens_and_the_handler_of_before_is_back() -> None:
    heard: list[str] = []
    with leave_default(signal.SIGTERM):
        with send_when_heard(signal.SIGTERM) as sent:
            time.sleep(0.05)  # nobody listens yet, which takes the time that it takes
            assert not sent
            with hear_signals(heard.append):
                while not heard:
                    time.sleep(0.005)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert (heard, len(sent)) == (["SIGTERM"], 1)


def test_nothing_is_sent_after_the_block() -> None:
    with leave_default(signal.SIGTERM):
        with pytest.raises(ValueError, match="refused"), send_when_heard(signal.SIGTERM, lambda: time.sleep(0.1)):
            raise ValueError("refused")  # noqa: EM101 any
        with pytest.raises(KeyError), send_when_heard(signal.SIGTERM, {}.popitem) as sent:
            pass
    assert not sent


def test_a_block_that_never_listened_leaves_a_process_alive() -> None:
    """In a process of its own, since what this is about would end it."""
    program = (
        "import signal\nfrom tests.own_signal import *\nwith send_when_heard(signal.SIGTERM): pass\nprint('alive')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n")


def find_sent(path: Path) -> list[int]:
    """The lines that send their own process a signal which may have its default handler."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        words = [ast.unparse(one) for one in (node.func, *node.args)]
        own = words[:2] == ["os.kill", "os.getpid()"] or words[0] == "signal.raise_signal"
        if own and words[-1].removeprefix("signal.") not in NEVER_ENDS_UNHEARD:
            found.append(node.lineno)
    return found


def test_no_other_test_sends_its_own_process_a_signal() -> None:
    found = {str(path.relative_to(TESTS)): find_sent(path) for path in TESTS.rglob("*.py")}
    assert {name for name, lines in found.items() if lines} == {"own_signal.py", *IN_CHILDREN}
