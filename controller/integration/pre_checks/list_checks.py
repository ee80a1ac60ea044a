"""The checks that look at lists which people bring: the printers, and what was issued."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from controller.integration.pre_checks.check import CheckResult, CheckScene, fail_check, leave_unjudged, pass_check
from controller.model.city import City
from controller.model.network.packets import Family


class PrintersCheck:
    """The printers of each school were listed, and each has an address of its school."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        if scene.printers is None:
            return leave_unjudged("printers-unlisted", scene.policy.schools)
        mine = [one for one in scene.printers if one.school in scene.policy.schools]
        city = scene.policy.before
        strange = [
            f"{one.name or one.mac} ({one.origin}: {one.address})"
            for one in mine
            if not _is_at_school(city, one.school, one.address)
        ]
        if strange:
            return fail_check("printers-elsewhere", strange)
        listed = {one.school for one in mine}
        missing = [one for one in scene.policy.schools if one not in listed]
        if missing:
            return leave_unjudged("printers-unlisted", missing)
        return pass_check("printers", count=len(mine), schools=len(listed))


class IssuedCheck:
    """Certificates or accounts were issued to as many as the limit asks for, at each school."""

    def judge(self, scene: CheckScene) -> CheckResult:
        """See `PreCheck.judge`."""
        listed = {one.school: one for one in scene.issued or ()}
        missing = [one for one in scene.policy.schools if one not in listed or not listed[one].due]
        if missing:
            return leave_unjudged("issued-unlisted", missing)
        percent = scene.limits.issued_percent
        mine = [listed[one] for one in scene.policy.schools]
        few = [f"{one.school} ({one.issued}/{one.due})" for one in mine if 100 * one.issued < percent * one.due]
        if few:
            return fail_check("issued-few", few, percent=percent)
        issued, due = sum(one.issued for one in mine), sum(one.due for one in mine)
        return pass_check("issued", issued=issued, due=due, percent=percent)


def _is_at_school(city: City, school: str, address: IPv4Address | IPv6Address) -> bool:
    here = city.school_by_id[school]
    family = Family(address.version)
    prefixes = city.addresses.school_prefixes(here, family) if family in city.families else ()
    return any(address in one for one in prefixes)
