"""Signals that a test sends to its own process: never one whose default handler would end all tests without a word."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic

_LOOK_SECONDS = 0.005
_JOIN_SECONDS = 90.0


def send_own_signal(number: int) -> None:
    """Send this process a signal that somebody handles, or ignores.

    Raises:
        AssertionError: nobody does; nothing is sent.
    """
    name = signal.Signals(number).name
    assert signal.getsignal(number) not in (signal.SIG_DFL, None), f"nobody listens to {name}: it would end the tests"
    os.kill(os.getpid(), number)


@contextmanager
def send_when_heard(number: int, meanwhile: Callable[[], object] = lambda: None) -> Iterator[list[float]]:
    """Do something in a thread while the block runs, then send a signal as soon as the block listens to it.

    Gives a list, to which the moment of the sending is added. Once the block has ended nothing is sent any more, and
    what broke off in the thread is raised. For as long as the block lasts no default handler stands behind its own.
    """
    sent: list[float] = []
    faults: list[BaseException] = []
    over, sending = Event(), Lock()

    def stand_in(*_: object) -> None:
        """Hear what the block has not: it ends nothing."""

    def send() -> None:
        try:
            meanwhile()
        except BaseException as fault:  # noqa: BLE001 raised below, in the test's own thread
            faults.append(fault)
        while not over.wait(_LOOK_SECONDS):
            with sending:
                if not over.is_set() and signal.getsignal(number) is not stand_in:
                    sent.append(monotonic())
                    os.kill(os.getpid(), number)
                    return

    thread = Thread(target=send, daemon=True)
    before = signal.signal(number, stand_in)
    try:
        thread.start()
        yield sent
    finally:
        with sending:
            over.set()
        thread.join(_JOIN_SECONDS)
        signal.signal(number, before)
    if faults:
        raise faults[0]
    assert not thread.is_alive(), "what is done while the block runs has not ended"
