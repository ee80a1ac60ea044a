"""What devices hold now, read over a transport (SSH); from files: `saved_configurations`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from controller.errors import ConfigRefused, DeviceError, DeviceTextRefused, TsunaguError
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Observation, Platform, Readable
from controller.platforms.common.timed_operation import is_changeable
from controller.platforms.common.unconfirmed import TellsUnconfirmed, refuse_unconfirmed
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import is_supported, load_platform_of
from controller.platforms.transport.base import Transport

AT_ONCE = 20
"""Sessions open at the same time; most of a session is waiting."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A device as seen, and where. Exactly one of `observation` and `refusal` is set.

    `saved` is what it would boot with: None when that is missing or damaged; asked only where `knows_saved`.
    `encoding` is what a saved text was written in, where that is not UTF-8; `text` is what was understood.
    """

    device: Device
    source: str = ""
    observation: Observation | None = None
    saved: DeviceState | None = None
    knows_saved: bool = False
    refusal: TsunaguError | None = None
    encoding: str = ""
    text: DeviceText | None = None


class NotSupported(TsunaguError):
    """The device's platform is not built yet, or not for this."""

    def __init__(self, device: Device, why: str) -> None:
        super().__init__(f"{device.id}: not supported: platform {device.platform!r} {why}")


def read_devices(
    devices: Sequence[Device],
    transport: Transport,
    on_observed: Callable[[Observed], None],
    *,
    only_read: bool = False,
) -> list[Observed]:
    """Read devices over a transport, many at once; `on_observed` is called for each as it comes.

    `only_read`: also those that cannot be changed over SSH, for who does not mean to.
    """

    def observe(device: Device) -> Observed:
        observed = observe_device(device, transport, only_read=only_read)
        on_observed(observed)
        return observed

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(observe, devices))
    finally:
        # After Ctrl-C nobody waits for devices that do not answer; nothing is changed on them.
        pool.shutdown(wait=False, cancel_futures=True)


def observe_device(device: Device, transport: Transport, *, only_read: bool) -> Observed:
    """Read one device: what it holds, and what it would boot with, or why neither could be had."""
    if not is_supported(device.platform):
        return Observed(device, refusal=NotSupported(device, "is not built yet"))
    system = load_platform_of(device)
    if not isinstance(system, Readable):
        return Observed(device, refusal=NotSupported(device, "is known as text only; use --configs"))
    if not (only_read or is_changeable(system)):
        return Observed(device, refusal=NotSupported(device, "cannot be changed over SSH yet; use --configs"))
    try:
        with transport.open_session(device, system.device_type) as session:
            if isinstance(system, TellsUnconfirmed):
                # What it runs is no state that anybody decided on, nor is it sure to stay.
                refuse_unconfirmed(device.id, system.list_unconfirmed(session))
            text = system.read(session)
            saved = system.read_saved(session)
        observation = understand_whole(system, text, device.id)
        booted = _state(system, saved, device.id)
        return Observed(device, device.id, observation, booted, knows_saved=True, text=text)
    except (DeviceError, ConfigRefused) as error:
        return Observed(device, refusal=error)
    except Exception as error:  # noqa: BLE001 one device must not end the run for all others
        # Only its kind: its words may quote what the device said.
        message = f"reading it led to an error of this program ({error.__class__.__name__}); please report it"
        return Observed(device, refusal=DeviceTextRefused(device.id, message))


def _state(system: Platform, text: DeviceText, source: str) -> DeviceState | None:
    """The state that a saved configuration holds; None when there is none that can be understood."""
    try:
        return understand_whole(system, text, f"{source} (boot)").state if text else None
    except ConfigRefused:
        return None
