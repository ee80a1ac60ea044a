"""Devices whose objects change hands, compiled and compared as `plan` does with every device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from controller.adoption.take_over.derive import derive_take_over
from controller.adoption.take_over.record import TakenRecord
from controller.adoption.take_over.release import derive_release
from controller.errors import ProofFailed, TsunaguError
from controller.model.city import City
from controller.plan.build import ConsideredDevice
from controller.plan.derive import DerivedChange
from controller.plan.observe import Observed
from controller.plan.proof.unjudged import find_unjudged_on
from controller.platforms.common.understanding import read_unmanaged
from controller.platforms.device_text.device_text import DeviceText


def consider_take_over(city: City, observed: Observed, names: Sequence[str]) -> ConsideredDevice:
    """Return a device of which the named objects are taken over.

    Raises:
        ProofFailed: what it leads to is not proved; nothing may be planned then.
    """
    return _consider(
        city,
        observed,
        lambda text: derive_take_over(city, observed.device, text, names, observed.source),
        # The plan sets what ports and interfaces that it takes over carry; they are no ways of others in it.
        taken={part for name in names for part in (name, name.partition(" ")[2])},
    )


def consider_release(city: City, observed: Observed, record: TakenRecord) -> ConsideredDevice:
    """Return a device of which all that was taken over is given back.

    Raises:
        ProofFailed: a state on the way is worse than both ends; nothing may be planned then.
    """
    return _consider(city, observed, lambda text: derive_release(city, observed.device, text, record, observed.source))


def _consider(
    city: City, observed: Observed, derive: Callable[[DeviceText], DerivedChange], taken: Collection[str] = ()
) -> ConsideredDevice:
    if observed.refusal is not None or observed.observation is None or observed.text is None:
        return ConsideredDevice(observed, refusal=observed.refusal)
    unjudged = find_unjudged_on(city, observed.device, observed.observation)
    device = observed.device.id
    try:
        derived = read_unmanaged(observed.text, observed.source, lambda text: derive(DeviceText(text, device)))
    except ProofFailed:
        raise
    except TsunaguError as error:
        return ConsideredDevice(observed, refusal=error, unjudged=unjudged)
    unjudged = find_unjudged_on(city, observed.device, observed.observation, taken)
    return ConsideredDevice(
        observed,
        derived.intent,
        derived.steps,
        derived.changes,
        derived.filters_proved,
        derived=derived,
        unjudged=unjudged,
    )
