"""How devices are reached, held against the policy: unknown ids, passwords, one key for everything, old algorithms."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Origin
from controller.inputs.near_matches import suggest_names
from controller.model.city import City
from controller.model.policy_files import CITY, find_file_start
from controller.operations.operators_file import OperatorsFile
from controller.prove.lint.finding import Finding, make_error, make_warning


def check_device_access(city: City, file: OperatorsFile | None) -> list[Finding]:
    """Return what is to be said of the accesses; nothing where there is no operators' file.

    >>> check_device_access(city, None)
    []
    """
    return [] if file is None else [*_find_unknown(city, file), *_find_unknown_canary(city, file), *_find_weak(file)]


def _find_unknown(city: City, file: OperatorsFile) -> Iterator[Finding]:
    selection, known = city.settings.device_access, file.operations.access
    origins = {one.access: one.origin for one in selection.choices}
    listed = [one for one in city.equipment.inventory if one.access is not None]
    origins |= {str(one.access): one.origin for one in reversed(listed)}
    for name in dict.fromkeys((*selection.ids, *(str(one.access) for one in listed))):
        if name not in known:
            origin: Origin = origins.get(name) or find_file_start(city.directory, CITY)
            named = ", ".join(sorted(known)) or "none"
            yield make_error("unknown access", origin, f"{name!r} is no access of {file.path}; it has: {named}")


def _find_unknown_canary(city: City, file: OperatorsFile) -> Iterator[Finding]:
    """A canary that is no school: another school would be changed first, and nobody would notice."""
    name = file.operations.rollout.canary
    if name is not None and name not in city.school_by_id:
        message = f"{name!r} is no school of {city.name}{suggest_names(name, sorted(city.school_by_id))}"
        yield make_error("unknown canary", file.find_origin("rollout", "canary"), message)


def _find_weak(file: OperatorsFile) -> Iterator[Finding]:
    for name, access in file.operations.access.items():
        if access.password is not None:
            message = f"{name} logs in with a password, which any of its devices could keep; use a key"
            yield make_warning("password access", file.find_origin("access", name, "password"), message)
        if access.key is not None and access.read_key is None:
            message = f"{name} reads with the key that changes devices; make another one that only reads (read-key)"
            yield make_warning("no read key", file.find_origin("access", name, "key"), message)
        if access.legacy_algorithms:
            names = ", ".join(access.legacy_algorithms)
            origin = file.find_origin("access", name, "legacy-algorithms")
            yield make_warning("legacy algorithms", origin, f"{name} allows old SSH algorithms: {names}")
