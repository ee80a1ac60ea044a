"""What pages are told of a rollout: it whole when they ask for it, and after that only what has changed.

A city's rollout has thousands of devices, of which a few change in a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class DeviceView(TypedDict):
    """A device of a wave. `outcome` is None until it ends; `step` is what it is in; `seconds` since it began.

    `error` says why it did not end well, in the words of whoever changed it; it is text, never markup.
    """

    id: str
    school: str
    outcome: str | None
    step: str | None
    seconds: float | None
    error: str | None


class WaveView(TypedDict):
    """Devices that are changed side by side."""

    name: str
    devices: list[DeviceView]


class SpanView(TypedDict):
    """A span; `end` is None while it runs."""

    id: str
    parent: str | None
    level: str
    name: str
    start: str
    end: str | None
    outcome: str | None
    error: str | None


class RolloutView(TypedDict):
    """What `/api/rollout` gives.

    `lost`: when whoever carries it out was last heard of, where that is too long ago; else None. `waits` says in words
    what it waits for. `about`: who planned, approved and applied it, by which commit and policy, if its span says so.
    `version` rises with every change that is told; `base` is None, for nothing else is needed.
    """

    id: str
    version: int
    base: int | None
    name: str
    started: str
    ended: str | None
    lost: str | None
    waits: list[str]
    about: dict[str, str]
    waves: list[WaveView]
    spans: list[SpanView]


class RolloutChanges:
    """What was told last, and what differs from it. Belongs to one thread, the event loop's.

    A change has the form of the whole, with the devices and spans alone that differ, and `base` is the version that it
    follows. Who does not have that version asks for the whole again; so does who sees another rollout begin, which is
    told without its devices.
    """

    def __init__(self) -> None:
        self._version = 0
        self._id = ""
        self._devices: Mapping[str, DeviceView] = {}
        self._spans: Mapping[str, SpanView] = {}

    def number(self, view: RolloutView) -> RolloutView:
        """The whole, with the version of what was told last: the changes that follow lead on from there."""
        return {**view, "version": self._version}

    def take(self, view: RolloutView) -> RolloutView:
        """What is to be told now."""
        base, self._version = self._version, self._version + 1
        devices = {f"{wave['name']}/{device['id']}": device for wave in view["waves"] for device in wave["devices"]}
        spans = {span["id"]: span for span in view["spans"]}
        before, self._id = self._id, view["id"]
        told_devices, self._devices = self._devices, devices
        told_spans, self._spans = self._spans, spans
        change: RolloutView = {**view, "version": self._version, "base": base, "waves": [], "spans": []}
        if before == view["id"]:
            waves: list[WaveView] = [
                {
                    "name": wave["name"],
                    "devices": [
                        device
                        for device in wave["devices"]
                        if not _is_told(device, told_devices.get(f"{wave['name']}/{device['id']}"))
                    ],
                }
                for wave in view["waves"]
            ]
            change["waves"] = [wave for wave in waves if wave["devices"]]
            change["spans"] = [span for name, span in spans.items() if told_spans.get(name) != span]
        return change


def _is_told(device: DeviceView, before: DeviceView | None) -> bool:
    """Whether pages know it so; that a device which is in work has been so for longer they count themselves."""
    if before is None or device["outcome"] is not None or device["seconds"] is None:
        return device == before
    return before["outcome"] is None and before["seconds"] is not None and device["step"] == before["step"]
