"""Signals while this process works on a rollout: the devices that have begun end, no other begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from controller.cli.output import errors
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.ending_signals import hear_signals

OnWorker = Callable[[RolloutWorker], None]


@contextmanager
def stop_on_signals(heard: list[str], on_signal: Callable[[], None] = lambda: None) -> Iterator[OnWorker]:
    """Let signals stop the workers that are given, instead of ending this process; `heard` takes their names.

    A worker that is given later begins no device either: the signal that came before meant that one, too.
    """
    workers: list[RolloutWorker] = []

    def stop_workers(name: str) -> None:
        heard.append(name)
        on_signal()
        for worker in workers:
            if not worker.stop.is_set():
                say_aside(f"{name}: finishing the devices that have begun ({len(worker.begun)})")
            worker.stop.set()

    def add_worker(worker: RolloutWorker) -> None:
        # In this order: a signal between the two stops it all the same.
        workers.append(worker)
        if heard:
            worker.stop.set()

    with hear_signals(stop_workers):
        yield add_worker


def say_aside(words: str) -> None:
    """Say what happens on standard error; a terminal that was closed hears nothing, and stops nothing."""
    with suppress(OSError):
        errors.print(words, style="dim", markup=False)
