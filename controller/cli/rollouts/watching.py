"""Watches a rollout: a live view on a terminal, lines where there is none, a JSON line an event for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Looks at a rollout again and again, and tells what it sees in one of three ways.

    Once nobody reads that any more (a closed pipe, a closed terminal) it tells nothing more.
    """

    def __init__(self, look: Look, *, as_json: bool) -> None:
        self._look = look
        self._as_json = as_json
        self._live: Live | None = None
        self._before: RolloutProgress | None = None
        self.has_reader = True

    @contextmanager
    def hold_terminal(self) -> Iterator[None]:
        """Show the live view for the length of a block, where there is a terminal."""
        if self._as_json or not errors.is_terminal:
            yield
            return
        with Live(console=errors, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def tell_news(self, *, lines: bool = True) -> RolloutProgress:
        """Look once, tell what has happened since the last look, and return how far the rollout is.

        Without `lines` somebody else prints a line for what happens.
        """
        found = self._look()
        if self.has_reader:
            try:
                self._tell_events(found, lines=lines)
            except BrokenPipeError:
                self.has_reader = False
        if errors.lost_reader and not self._as_json:
            self.has_reader = False
        self._before = found
        return found

    def _tell_events(self, found: RolloutProgress, *, lines: bool) -> None:
        for event in find_events(self._before, found):
            self._tell_event(event, lines=lines)
        if self._live is not None:
            self._live.update(render_progress(found), refresh=True)

    def _tell_event(self, event: RolloutEvent, *, lines: bool) -> None:
        if self._as_json:
            say_json_line({**event}, form=EVENT_FORM)
        elif self._live is None and lines:
            errors.print(say_event(event), style=choose_event_style(event), markup=False)


def watch_until_end(
    watcher: Watcher, wait: Callable[[float], object], is_left: Callable[[], bool] = lambda: False
) -> RolloutProgress:
    """Tell what happens in a rollout that another process works on, until it ends or stops, or nobody reads that.

    It ends before that, too, where whoever worked on it has left it (`is_left`).
    """
    with watcher.hold_terminal():
        while not (found := watcher.tell_news()).has_ended and watcher.has_reader and not is_left():
            wait(LOOK_SECONDS)
    return found


@contextmanager
def watch_meanwhile(watcher: Watcher) -> Iterator[None]:
    """Tell what happens in a rollout for the length of a block, in which this process works on it."""
    ended = Event()

    def tell_news() -> None:
        try:
            watcher.tell_news(lines=False)
        except StoreRefused:
            # Whoever works on the rollout meets the same and says so; the next look may be better.
            return

    def keep_telling() -> None:
        while not ended.wait(LOOK_SECONDS):
            tell_news()

    with watcher.hold_terminal():
        thread = Thread(target=keep_telling, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        tell_news()
