"""Which school comes in which wave of a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.rollout_settings import RolloutSettings, WaveRule
from controller.plan.verify import VerifiedDevice
from controller.platforms.registry import is_supported, load_platform_of
from controller.rollout.durable.records import REST, WITHOUT_RESTORE, SchoolTurn, Wave


def build_waves(
    city: City, canary: str, verified: Iterable[VerifiedDevice], settings: RolloutSettings
) -> tuple[Wave, ...]:
    """Return the waves of a plan, by the operators' rules; every device of it is in exactly one.

    `canary` is the school that the plan names as the first one.
    """
    return _arrange(city, canary, ((one.device, one.system.capabilities.restores_itself) for one in verified), settings)


def name_waves(city: City, devices: Iterable[Device], settings: RolloutSettings) -> Mapping[str, str]:
    """Return the wave of each device, by its id, as it is in a rollout of all of them."""
    known = [(one, is_supported(one.platform)) for one in devices]
    restored = ((one, has and load_platform_of(one).capabilities.restores_itself) for one, has in known)
    waves = _arrange(city, settings.canary or city.canary, restored, settings)
    return {device: wave.name for wave in waves for turn in wave.schools for device in turn.devices}


def _arrange(
    city: City, canary: str, devices: Iterable[tuple[Device, bool]], settings: RolloutSettings
) -> tuple[Wave, ...]:
    """Return the waves of devices, each with whether it can put its old state back by itself."""
    restored: dict[str, list[str]] = {}
    unrestored: dict[str, list[str]] = {}
    for one, restores_itself in devices:
        found = restored if restores_itself else unrestored
        found.setdefault(one.school.id, []).append(one.id)
    waves = []
    left = dict(restored)
    for rule in settings.waves:
        for name, schools in _choose_schools(city, rule, canary, tuple(left)):
            turns = tuple(SchoolTurn(school=one, devices=tuple(left.pop(one))) for one in schools)
            waves.append(Wave(name=name, rule=rule.name, schools=turns))
    for name, rest in ((REST, left), (WITHOUT_RESTORE, unrestored)):
        turns = tuple(SchoolTurn(school=school, devices=tuple(names)) for school, names in rest.items())
        waves.append(Wave(name=name, rule=name, schools=turns))
    return tuple(wave for wave in waves if wave.schools)


def _choose_schools(
    city: City, rule: WaveRule, canary: str, left: Sequence[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name and the schools of each wave that a rule makes of those that are left."""
    if rule.schools == "canary":
        yield rule.name, tuple(one for one in left if one == canary)
    elif rule.schools == "rest":
        yield rule.name, tuple(left)
    elif rule.schools == "each-ward":
        known = city.school_by_id
        for ward in city.wards:
            named = tuple(one for one in left if one in known and known[one].ward == ward.id)
            yield f"{rule.name}-{ward.id}", named
    else:
        yield rule.name, tuple(one for one in left if one in rule.schools)
