"""Switches in memory under faults from a seed, and what must be true of their real state whatever happened.

What our own records say is judged by the devices, never the other way round: a device is in its old or its new state,
or a restore is armed on it that brings it to one of them; a good end means that it runs, and boots with, the new state;
and what ended well is never changed again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault, draw_faults
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.outcome import End
from tests.policies import NOON
from tests.rollout.campaign import Killed
from tests.rollout.ovs_switch import Switch
from tests.rollout.wave_campaign import OLD, OVS, PORTS, RESTORE_SECONDS, WANTED

LONG = 4_000.0
"""Seconds after which no restore is armed and nobody holds a device any more."""
JUMPS = (-7_200.0, -61.0, 61.0, 7_200.0)
"""Seconds by which the time of day jumps."""


class JumpingClock(ManualClock):
    """A clock whose time of day may jump; `on_sleep` is called whenever somebody waits on it."""

    jumped = timedelta()

    def __init__(self) -> None:
        super().__init__(NOON)
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The present moment, as this machine's clock has it."""
        return super().now() + self.jumped

    def sleep(self, seconds: float) -> None:
        """Go on, and let something happen meanwhile."""
        super().sleep(seconds)
        self.on_sleep()


@lru_cache(maxsize=256)
def read_state(text: str) -> DeviceState:
    """Return what a switch's own text holds."""
    return OVS.parse(text, "").state


def _go_well(verb: str) -> Fault:
    del verb
    return NO_FAULT


@dataclass
class ChaosCity:
    """Some switches, factory-new but for the old state, on one clock."""

    models: list[Device]
    clock: JumpingClock = field(default_factory=JumpingClock)
    commands: int = 0
    """How many commands all devices were sent since the process began."""
    acts: dict[int, Callable[[], None]] = field(default_factory=dict)
    """What happens after so many commands: a kill, an operator, a signal."""
    dead: bool = False

    def __post_init__(self) -> None:
        self.devices: dict[str, MemoryDevice] = {}
        for model in self.models:
            configuration = Switch(PORTS)
            configuration.load(OVS.render(OLD))
            self.devices[model.id] = MemoryDevice(model.id, configuration, self.clock, startup=configuration.show())
        self.transport = MemoryTransport(self.devices.values())
        self.done: dict[str, int] = {}
        """How many commands a device had been sent when it was first told to have ended well."""
        self.before: dict[str, DeviceState] = {}

    @property
    def switches(self) -> list[Device]:
        """The switches."""
        return self.models

    # --- what happens ---

    def begin_process(self, rng: random.Random, *, calm: bool) -> None:
        """Let a process begin: with new faults on some devices, or with none."""
        self.commands, self.acts, self.dead = 0, {}, False
        for name, device in self.devices.items():
            device.draw_fault = _go_well if calm or rng.random() < 0.5 else draw_faults(rng, 1.2 * RESTORE_SECONDS)
            self.before[name] = read_state(device.running)

    def repair_devices(self) -> None:
        """Bring back, as `tsunagu repair` does, what a device that restarted cannot put back by itself."""
        for device in self.devices.values():
            for line in device.answer("unconfirmed", (), None).splitlines():
                if line != "no":
                    device.answer("repair", (line.split()[3], "back"), None)

    def kill(self) -> None:
        """Kill the process: no line of it runs any more."""
        self.dead = True
        raise Killed

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        """Log in as a process that may be dead does: not at all."""
        if self.dead:
            raise Killed
        with self.transport.open_session(device, device_type, changing=changing) as session:
            yield _CountedSession(session, self)

    # --- what must be true ---

    def find_violations(self) -> Iterator[str]:
        """Yield what must never be of the devices themselves."""
        for name, device in self.devices.items():
            running, settled = read_state(device.running), read_state(device.settled)
            if settled not in (OLD, WANTED):
                yield f"{name} will be left half made"
            if running not in (OLD, WANTED) and not device.restore_armed:
                yield f"{name} is half made and nothing is armed"
            if (at := self.done.get(name)) is not None:
                texts = [one.running for one in device.exchanges[max(0, at - 1) :]]
                verbs = [one.verb for one in device.exchanges[max(0, at - 1) :]]
                changed = zip(verbs[1:], texts, texts[1:], strict=False)
                if any(verb == "push" and old != new for verb, old, new in changed):
                    yield f"{name} was changed again after it had ended well"

    def find_lies(self, name: str, end: End, reason: str) -> Iterator[str]:
        """Yield what was told of a device and is not so; to be asked before anything else happens to it."""
        device = self.devices[name]
        running, settled = read_state(device.running), read_state(device.settled)
        told = f"{name} told {end} ({reason}): "
        if end.good:
            self.done.setdefault(name, len(device.exchanges))
            if running != WANTED or settled != WANTED or device.restore_armed:
                yield f"{told}it does not run what is wanted, or not for good"
            if not device.startup or read_state(device.startup) != WANTED:
                yield f"{told}it would boot with something else"
        elif end is End.REVERTED and {running, settled} != {OLD}:
            yield f"{told}it is not in its old state"
        elif end is End.FAILED and "not saved" not in reason and running not in (OLD, self.before[name]):
            yield f"{told}something was changed"
        elif end is End.FAILED and "not saved" in reason and running != WANTED:
            yield f"{told}the change does not run"
        elif end is End.UNKNOWN and not reason:
            yield f"{told}it does not say why"

    def find_unsettled(self) -> Iterator[str]:
        """Yield what is still under way when all has calmed down."""
        for name, device in self.devices.items():
            if device.restore_armed or device.locked_by:
                yield f"{name} is still armed, or held"

    def find_unfinished(self, ends: Mapping[str, End]) -> Iterator[str]:
        """Yield what did not end well where nothing went wrong in the last run."""
        for name in self.devices:
            if name not in ends or not ends[name].good:
                yield f"{name} ended {ends.get(name)}, and nothing went wrong in the last run"


class _CountedSession:
    """A session whose commands are counted; after each something may happen."""

    def __init__(self, inner: Session, city: ChaosCity) -> None:
        self._inner = inner
        self._city = city

    @property
    def device(self) -> str:
        return self._inner.device

    def run(self, command: Command) -> DeviceText:
        city = self._city
        if city.dead:
            raise Killed
        city.commands += 1
        before = city.acts.get(-city.commands)
        if before is not None:
            before()
        answer = self._inner.run(command)
        after = city.acts.get(city.commands)
        if after is not None:
            after()
        return answer
