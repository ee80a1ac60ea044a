"""Watches a rollout: a live view on a terminal, lines where there is none, a JSON line an event for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Thread

from rich.live import Live

from controller.cli.output import errors, say_json_line
from controller.cli.rollouts.live_view import choose_event_style, render_progress, say_event
from controller.cli.rollouts.progress import RolloutEvent, RolloutProgress, find_events
from controller.errors import StoreRefused

LOOK_SECONDS = 0.5
EVENT_FORM = "rollout-event"

Look = Callable[[], RolloutProgress]


class Watcher:
    """Looks at a rollout again and again, and tells what it sees in one of three ways."""

    def __init__(self, look: Look, *, as_json: bool, lines: bool = True) -> None:
        self._look = look
        self._as_json = as_json
        self._live = Live(console=errors, auto_refresh=False) if not as_json and errors.is_terminal else None
        self._lines = lines
        self._before: RolloutProgress | None = None

    def show(self) -> AbstractContextManager[object]:
        """Hold the terminal for the live view, where there is one."""
        return self._live or nullcontext()

    def tell(self) -> RolloutProgress:
        """Look once, tell what has happened since the last look, and return how far the rollout is."""
        found = self._look()
        for event in find_events(self._before, found):
            self._tell_event(event)
        if self._live is not None:
            self._live.update(render_progress(found), refresh=True)
        self._before = found
        return found

    def _tell_event(self, event: RolloutEvent) -> None:
        if self._as_json:
            say_json_line({**event}, form=EVENT_FORM)
        elif self._live is None and self._lines:
            errors.print(say_event(event), style=choose_event_style(event), markup=False)


def watch_until_end(watcher: Watcher, wait: Callable[[float], object]) -> RolloutProgress:
    """Tell what happens in a rollout that another process works on, until it ends or stops."""
    with watcher.show():
        while not (found := watcher.tell()).has_ended:
            wait(LOOK_SECONDS)
    return found


@contextmanager
def watch_meanwhile(watcher: Watcher) -> Iterator[None]:
    """Tell what happens in a rollout for the length of a block, in which this process works on it."""
    ended = Event()

    def work() -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                watcher.tell()
            except StoreRefused:
                # Whoever works on the rollout meets the same and says so; the next look may be better.
                continue

    with watcher.show():
        thread = Thread(target=work, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        watcher.tell()
