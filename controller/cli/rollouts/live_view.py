"""A rollout as a terminal shows it while it goes on: its waves, rate, time left, and what it waits for."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.cli.rollouts.progress import RolloutEvent, RolloutProgress, WaveProgress
from controller.rollout.outcome import End

_WIDTH = 24


def render_progress(progress: RolloutProgress) -> RenderableType:
    """Return the live view of a rollout."""
    table = Table(box=None, pad_edge=False)
    for column in ("wave", "", "devices", "schools", ""):
        table.add_column(column, no_wrap=True)
    for wave in progress.waves:
        ended = wave.ended_well + wave.ended_badly
        bar = ProgressBar(total=max(1, wave.devices), completed=ended, width=_WIDTH)
        counts = f"{ended}/{wave.devices}", f"{wave.schools_ended}/{wave.schools}"
        table.add_row(wave.name, bar, *counts, Text(_say_wave(wave), style="red" if wave.ended_badly else ""))
    parts: list[RenderableType] = [table, Text(say_rate(progress), style="dim")]
    if progress.lost_since is not None:
        parts.append(Text(f"lost since {progress.lost_since.astimezone():%Y-%m-%d %H:%M %Z}", style="red"))
    parts.extend(Text(f"waits: {one}", style="yellow", no_wrap=True) for one in progress.waits)
    refused = (f"the worker {one.worker} does not work on it: {one.reason}" for one in progress.refused_by)
    parts.extend(Text(one, style="red") for one in refused)
    return Group(*parts)


def _say_wave(wave: WaveProgress) -> str:
    badly = [f"{wave.ended_badly} ended badly"] if wave.ended_badly else []
    middle = [f"{wave.in_the_middle} in the middle"] if wave.in_the_middle else []
    return ", ".join([*badly, *middle])


def say_rate(progress: RolloutProgress) -> str:
    """Return the state of a rollout, its rate, and how long the rest takes, on a line."""
    ended = sum(wave.ended_well + wave.ended_badly for wave in progress.waves)
    devices = sum(wave.devices for wave in progress.waves)
    said = [str(progress.status.state), f"{ended} of {devices} devices"]
    if progress.rate is not None:
        said.append(f"{progress.rate:.1f} devices a minute")
    if progress.left is not None:
        said.append(f"about {format_duration(progress.left)} left")
    return ", ".join(said)


def format_duration(duration: timedelta) -> str:
    """Return a duration in two units at most.

    >>> format_duration(timedelta(seconds=42)), format_duration(timedelta(seconds=3_725))
    ('42 s', '1 h 2 min')
    """
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def say_event(event: RolloutEvent) -> str:
    """Return an event on a line, as it is printed where there is no terminal."""
    at = event["at"][11:19]
    what = {
        "state": event["text"],
        "wave-begun": f"wave {event['wave']} begins: {event['text']}",
        "wave-ended": f"wave {event['wave']} has ended: {event['text']}",
        "device-begun": f"{event['device']} begins",
        "device-ended": f"{event['device']} {event['end']}" + (f": {event['text']}" if event["text"] else ""),
        "waits": f"waits: {event['text']}",
    }.get(event["event"], f"{event['event']}: {event['text']}")
    return f"{at} {what}"


def choose_event_style(event: RolloutEvent) -> str | None:
    """Return the colour of an event's line."""
    if event["event"] in {"lost", "refused"} or (event["end"] and not End(event["end"]).good):
        return "red"
    return "green" if event["end"] else None
