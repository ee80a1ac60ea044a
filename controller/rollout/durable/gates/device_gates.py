"""The gates that ask the devices: management is reachable, and nothing drifted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from controller.errors import DeviceError
from controller.inputs.bounded_json import parse_json
from controller.model.sites.devices import Device
from controller.plan.observe import AT_ONCE, Observed, read_devices
from controller.platforms.base import Readable
from controller.platforms.registry import load_platform_of
from controller.platforms.transport.base import Transport
from controller.rollout.durable.gates.gate import GateResult, GateVerdict, GateWave, name_some


class ManagementGate:
    """Every device of the wave answers over SSH, and so does each other of its schools that did so before."""

    def look_before(self, wave: GateWave) -> str:
        """See `LookingGate.look_before`: which of the other devices answer."""
        silent = _find_silent(wave.others, wave.scene.transport)
        return json.dumps([one.id for one in wave.others if one.id not in silent])

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """See `Gate.judge`."""
        answered = frozenset(_read_names(before))
        asked = (*wave.devices, *(one for one in wave.others if one.id in answered))
        silent = _find_silent(asked, wave.scene.transport)
        if silent:
            seen = f"no login at {name_some([f'{name} ({why})' for name, why in silent.items()])}"
            return GateResult(GateVerdict.FAILED, seen)
        if not asked:
            return GateResult(GateVerdict.NOT_JUDGED, "there is no device that could be asked")
        left = [one.id for one in wave.others if one.id not in answered]
        beside = f"; not asked, since they did not answer before the wave: {name_some(left)}" if left else ""
        return GateResult(GateVerdict.PASSED, f"{len(asked)} devices answer over SSH{beside}")


class DriftGate:
    """The devices of the wave hold what the plan leads to; the others of its schools hold what they held before."""

    def look_before(self, wave: GateWave) -> str:
        """See `LookingGate.look_before`: the digests of what the other devices hold."""
        return json.dumps(_digest(read_devices(wave.others, wave.scene.transport, _ignore, only_read=True)))

    def judge(self, wave: GateWave, before: str) -> GateResult:
        """See `Gate.judge`."""
        known = parse_json(before) if before else {}
        held = {str(name): str(digest) for name, digest in known.items()} if isinstance(known, dict) else {}
        read = read_devices((*wave.devices, *wave.others), wave.scene.transport, _ignore, only_read=True)
        unread = [f"{one.device.id} ({one.refusal})" for one in read if one.refusal is not None]
        drifted = [*_find_unplanned(wave, read), *_find_changed(held, read)]
        if drifted:
            return GateResult(GateVerdict.FAILED, f"drift at {name_some(drifted)}")
        if unread or not read:
            seen = f"not read: {name_some(unread)}" if unread else "there is no device that could be read"
            return GateResult(GateVerdict.NOT_JUDGED, seen)
        if unseen := [one.id for one in wave.others if one.id not in held]:
            seen = f"not read before the wave, so nobody can tell if they changed in it: {name_some(unseen)}"
            return GateResult(GateVerdict.NOT_JUDGED, seen)
        return GateResult(GateVerdict.PASSED, f"{len(read)} devices were read back, and none drifted")


def _find_silent(devices: Iterable[Device], transport: Transport) -> dict[str, str]:
    """Return the devices that let nobody in, and why."""

    def knock(device: Device) -> str:
        try:
            system = load_platform_of(device)
            if not isinstance(system, Readable):
                return f"platform {device.platform!r} is known as text only"
            with transport.open_session(device, system.device_type):
                return ""
        except DeviceError as error:
            return str(error).removeprefix(f"{device.id}: ")
        except Exception as error:  # noqa: BLE001 one device must not end the gate for all others
            return f"an error of this program ({type(error).__name__}); please report it"

    asked = tuple(devices)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        reasons = zip(asked, pool.map(knock, asked), strict=True)
        return {device.id: why for device, why in reasons if why}


def _find_unplanned(wave: GateWave, read: Iterable[Observed]) -> Iterable[str]:
    """Yield the devices of the wave that hold something else than they were left with."""
    for one in read:
        change = wave.changes.get(one.device.id)
        if change is None or one.observation is None:
            continue
        # What did not end well was left in its old state, or is as planned after all.
        expected = (change.wanted,) if one.device.id in wave.good else (change.seen, change.wanted)
        if one.observation.state not in expected:
            yield one.device.id


def _find_changed(held: Mapping[str, str], read: Iterable[Observed]) -> Iterable[str]:
    """Yield the other devices that hold something else than before the wave."""
    for name, digest in _digest(read).items():
        if name in held and held[name] != digest:
            yield f"{name} (changed by somebody else since the wave began)"


def _digest(read: Iterable[Observed]) -> dict[str, str]:
    return {one.device.id: one.observation.state.compute_digest() for one in read if one.observation is not None}


def _read_names(text: str) -> list[str]:
    found = parse_json(text) if text else []
    return [str(name) for name in found] if isinstance(found, list) else []


def _ignore(_: Observed) -> None:
    """Hear of a device that was read, and say nothing."""
