"""Sessions with devices in memory, and the transport that opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from controller.errors import CommandFailed, DeviceUnreachable, LoginRefused
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.in_memory_device.configuration import Refused
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import Effect, Fault
from controller.platforms.transport.in_memory_device.words import Words, read_own_restore_words

ANSWER_SECONDS = 30.0
"""After so long a session takes a silent device for lost, as SSH does."""


class MemorySession:
    """A session with a device in memory; see `controller.platforms.base.Session`.

    `read_words` understands a command's line: the verb, its words, and what is to be pushed where something is.
    """

    def __init__(self, device: MemoryDevice, read_words: Callable[[Command], Words]) -> None:
        self.device = device.name
        self._device = device
        self._read_words = read_words
        self._starts = device.starts
        self._broken = False

    def run(self, command: Command) -> DeviceText:
        """Run a command; its answer.

        Raises:
            CommandFailed: the device refused it, or says so.
            DeviceUnreachable: the session broke, before or after the command took effect.
        """
        with self._device.guard:
            return DeviceText(self._run(command), self.device)

    def _run(self, command: Command) -> str:
        device = self._device
        if self._broken or device.is_away or device.starts != self._starts:
            self._broken = True
            raise DeviceUnreachable(self.device, "the session broke", command=command.shown_line)
        words = self._read_words(command)
        fault = device.draw_fault(words.verb)
        device.clock.sleep(fault.seconds_before)
        refusal = fault.says_error
        try:
            answer = self._carry_out(words, fault)
        except Refused as error:
            answer, refusal = "", str(error)
        device.clock.sleep(fault.seconds_after)
        self._suffer(fault)
        device.record(words.verb, words.arguments, fault, succeeded=not (self._broken or refusal))
        if self._broken:
            raise DeviceUnreachable(self.device, "the session broke: no answer", command=command.shown_line)
        if refusal:
            message = f"exit status 1: {command.hide_secrets(refusal)}"
            raise CommandFailed(self.device, message, command=command.shown_line)
        return answer

    def _carry_out(self, words: Words, fault: Fault) -> str:
        device = self._device
        if fault.effect is Effect.NONE:
            return fault.answer
        if fault.effect is Effect.HALF and words.pushed is not None:
            parts = device.configuration.split(words.pushed)
            for part in parts[: len(parts) // 2]:
                device.answer(words.verb, words.arguments, part)
            return ""
        return device.answer(words.verb, words.arguments, words.pushed)

    def _suffer(self, fault: Fault) -> None:
        """Let the device, and the connection, have what the fault brings after the command."""
        if fault.restarts:
            self._device.restart()
        if fault.away_seconds:
            self._device.leave(fault.away_seconds)
        late = fault.seconds_before + fault.seconds_after > ANSWER_SECONDS
        self._broken = fault.breaks or fault.restarts or fault.away_seconds > 0 or late


class MemoryTransport:
    """Reaches devices in memory by their names; see `controller.platforms.transport.base.Transport`.

    A system that does not speak the words of `own_restore.sh` brings its own `read_words`.
    """

    def __init__(
        self, devices: Iterable[MemoryDevice], read_words: Callable[[Command], Words] = read_own_restore_words
    ) -> None:
        self.devices = {device.name: device for device in devices}
        self._read_words = read_words

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[MemorySession]:
        """Log in to a device.

        Raises:
            DeviceUnreachable: there is none of this name, or it does not answer now.
            LoginRefused: a fault says so.
        """
        del device_type, changing
        reached = self.devices.get(device.id)
        if reached is None:
            raise DeviceUnreachable(device.id, "there is no such device in memory")
        with reached.guard:
            self._log_in(reached)
        yield MemorySession(reached, self._read_words)

    def _log_in(self, device: MemoryDevice) -> None:
        if device.is_away:
            raise DeviceUnreachable(device.name, "no answer")
        device.logins += 1
        fault = device.draw_fault("open")
        device.clock.sleep(fault.seconds_before + fault.seconds_after)
        if fault.restarts:
            device.restart()
        if fault.away_seconds:
            device.leave(fault.away_seconds)
        if fault.says_error:
            raise LoginRefused(device.name, fault.says_error)
        if fault.breaks or fault.away_seconds or fault.restarts:
            raise DeviceUnreachable(device.name, "no session: the connection was closed")
