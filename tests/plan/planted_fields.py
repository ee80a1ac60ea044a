"""Changes of the fields of the policy's files: any field's, planted in the models, and valid ones of fields by name.

The fields are those of the models, so that a new one is planted without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from pydantic import BaseModel

from controller.errors import Origin
from controller.model.policy_files import POLICY_FILES, PolicyFile
from tests.cities.odd_cities import Files, build_files, with_inventory
from tests.cities.odd_networks import with_three_lines


@dataclass(frozen=True)
class Field:
    """A field of a model, `path` from the file's own model down to it; `names` are those that a file has for them."""

    file: PolicyFile[BaseModel]
    path: tuple[str, ...]
    names: tuple[str, ...]
    models: tuple[type[BaseModel], ...]

    @property
    def name(self) -> str:
        return f"{self.file.pattern} {'.'.join(self.names)}"

    def build(self, value: object) -> BaseModel:
        """The file with nothing in it but the way to this field, and this value there."""
        built: object = value
        for attribute, model in zip(reversed(self.path), reversed(self.models), strict=True):
            info = model.model_fields[attribute]
            listed = built if isinstance(built, BaseModel) else None
            held = (built,) if listed is not None and "tuple" in str(info.annotation) else built
            values: dict[str, Any] = {attribute: held}
            if "origin" in model.model_fields:
                values["origin"] = Origin("x.yaml", 1)
            built = model.model_construct(**values)
            for name in model.model_fields:
                if name not in built.__dict__:
                    built.__dict__[name] = None
        assert isinstance(built, BaseModel)
        return built


def list_fields() -> list[Field]:
    """Every field of every file that is no model itself."""
    return [one for file in POLICY_FILES for one in _list_fields(file, file.model, (), (), ())]


def _list_fields(
    file: PolicyFile[BaseModel],
    model: type[BaseModel],
    path: tuple[str, ...],
    names: tuple[str, ...],
    models: tuple[type[BaseModel], ...],
) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if name == "origin":
            continue
        below = (*path, name), (*names, info.alias or name), (*models, model)
        inner = list(_find_models(info.annotation))
        if not inner:
            yield Field(file, *below)
        for one in inner:
            yield from _list_fields(file, one, *below)


def _find_models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _find_models(one)


GONE = object()
"""Planted where something is taken out."""
RULES, PEOPLE, APPLICATIONS = "access/rules.yaml", "access/people.yaml", "access/applications.yaml"
ADMISSION, FLOWS, BLUEPRINTS = "access/admission.yaml", "access/flows.yaml", "city/blueprints.yaml"
QUARANTINES, INTEGRATION = "access/quarantines.yaml", "city/integration.yaml"
CITY, SCHOOLS, GROUPS = "city/city.yaml", "city/schools/all.yaml", "city/groups.yaml"
_ALL = (
    "elementary-small",
    "elementary-medium",
    "elementary-large",
    "junior-high-small",
    "junior-high-large",
    "high",
    "special-needs",
)
_SMALL, _FLOOR, _POINT = "blueprints/elementary-small/devices", "2/ports", "3/ssids"

PLANTS: Mapping[str, tuple[tuple[str, str, object], ...]] = {
    "access/rules.yaml rules": ((RULES, "rules/cbt", GONE),),
    "access/rules.yaml rules.effect": ((RULES, "rules/workspace/effect", "forbid"),),
    "access/rules.yaml rules.applications": ((RULES, "rules/cbt/applications", ["cbt", "drills", "parents"]),),
    "access/rules.yaml rules.schools": ((RULES, "rules/cbt/schools", {"wards": ["tama"]}),),
    "access/rules.yaml rules.schools.wards": ((RULES, "rules/computer-room-web/schools/wards", ["tama"]),),
    "access/rules.yaml rules.schools.kinds": ((RULES, "rules/computer-room-web/schools/kinds", ["elementary"]),),
    "access/rules.yaml rules.schools.ids": ((RULES, "rules/computer-room-web/schools/ids", ["s0001"]),),
    "access/rules.yaml rules.schools.stages": ((RULES, "rules/computer-room-web/schools/stages", ["coexist"]),),
    "city/blueprints.yaml blueprints.devices.ports.stages": (
        (BLUEPRINTS, f"{_SMALL}/{_FLOOR}/7/stages", ["separated"]),
    ),
    "city/blueprints.yaml blueprints.devices.ssids.stages": (
        (BLUEPRINTS, f"{_SMALL}/{_POINT}/1/stages", ["separated"]),
    ),
    "city/integration.yaml integrations": ((INTEGRATION, "integrations/0", GONE),),
    "city/integration.yaml integrations.school": ((INTEGRATION, "integrations/0/school", "s0004"),),
    "city/integration.yaml integrations.group": ((INTEGRATION, "integrations/1/group", "drill-pilot"),),
    "city/integration.yaml integrations.ward": (
        (INTEGRATION, "integrations/4/ward", "asao"),
        (INTEGRATION, "integrations/8/ward", "nakahara"),
    ),
    "city/integration.yaml integrations.stage": ((INTEGRATION, "integrations/0/stage", "integrated"),),
    **{
        f"city/integration.yaml integrations.{one}": (
            (INTEGRATION, "integrations/0/came-from", "separated"),
            (INTEGRATION, "integrations/0/since", date(2026, 12, 26)),
        )
        for one in ("since", "came-from")
    },
    "access/rules.yaml rules.schools.groups": ((RULES, "rules/drills-preparation/schools/groups", ["exam-schools"]),),
    "access/rules.yaml rules.exception": (
        (RULES, "rules/cbt/exception", {"owner": "x", "reason": "x", "expires": date(2026, 11, 30)}),
    ),
    "access/rules.yaml rules.exception.expires": (
        (RULES, "rules/computer-room-web/exception/expires", date(2026, 11, 30)),
    ),
    "access/rules.yaml rules.network": ((RULES, "rules/board-office/network", {"from": ["learning-legacy"]}),),
    "access/rules.yaml rules.network.from": ((RULES, "rules/cbt/network/from", ["pupil", "staff"]),),
    "access/rules.yaml rules.network.services": ((RULES, "rules/web/network/services", ["tcp/443"]),),
    "access/rules.yaml rules.identity": ((RULES, "rules/staff-cloud/identity", GONE),),
    "access/rules.yaml rules.identity.roles": ((RULES, "rules/board-office/identity/roles", ["board-staff", "clerk"]),),
    "access/rules.yaml rules.identity.mfa": ((RULES, "rules/staff-home/identity/mfa", "phishing-resistant"),),
    "access/rules.yaml rules.identity.postures": ((RULES, "rules/staff-home/identity/postures", ["managed"]),),
    "access/rules.yaml rules.identity.devices": ((RULES, "rules/dashboard-pupils/identity/devices", ["ipad"]),),
    "access/rules.yaml rules.identity.places": ((RULES, "rules/dashboard-pupils/identity/places", ["home"]),),
    "access/rules.yaml rules.identity.hours": ((RULES, "rules/staff-home/identity/hours", GONE),),
    "access/rules.yaml rules.identity.hours.from": ((RULES, "rules/staff-home/identity/hours/from", "04:00"),),
    "access/rules.yaml rules.identity.hours.until": ((RULES, "rules/staff-home/identity/hours/until", "23:00"),),
    "access/rules.yaml rules.identity.hours.days": ((RULES, "rules/staff-home/identity/hours/days", ["mon"]),),
    "city/groups.yaml groups.wards": ((GROUPS, "groups/drill-pilot/wards", ["asao", "tama", "nakahara"]),),
    "city/groups.yaml groups.kinds": ((GROUPS, "groups/drill-pilot/kinds", ["elementary", "junior-high", "high"]),),
    "city/groups.yaml groups.ids": ((GROUPS, "groups/exam-schools/ids", ["s0001"]),),
    "access/applications.yaml applications.services": (
        (APPLICATIONS, "applications/cbt/services", ["tcp/443", "udp/443"]),
    ),
    "access/applications.yaml applications.addresses": (
        (APPLICATIONS, "applications/grading/addresses", ["10.254.0.10", "10.254.0.11", "2001:db8:80fe::10"]),
    ),
    "access/applications.yaml applications.prefixes": ((APPLICATIONS, "applications/cbt/prefixes", "other"),),
    "access/prefixes/*.yaml prefixes": (
        ("access/prefixes/cbt.yaml", "prefixes", ["198.51.100.96/28", "2001:db8:d003::/48"]),
    ),
    "access/admission.yaml admissions": ((ADMISSION, "admissions/visitors", GONE),),
    "access/admission.yaml admissions.certificate": ((ADMISSION, "admissions/staff-legacy/certificate", "other-pc"),),
    "access/admission.yaml admissions.roles": ((ADMISSION, "admissions/staff-legacy/roles", ["teacher"]),),
    "access/admission.yaml admissions.postures": (
        (ADMISSION, "admissions/pupils/postures", ["certificate", "managed"]),
    ),
    "access/admission.yaml admissions.places": ((ADMISSION, "admissions/pupils/places", ["own-school"]),),
    "access/admission.yaml admissions.segment": ((ADMISSION, "admissions/visitors/segment", "quarantine"),),
    "access/admission.yaml otherwise": ((ADMISSION, "otherwise", "guest"),),
    "access/flows.yaml flows": ((FLOWS, "flows/dashboard-to-analytics", GONE),),
    "access/flows.yaml flows.effect": (
        (FLOWS, "flows/dashboard-to-analytics/effect", "forbid"),
        (FLOWS, "flows/dashboard-to-analytics/carrier", GONE),
    ),
    "access/flows.yaml flows.from": ((FLOWS, "flows/dashboard-to-analytics/from", "staff-ai"),),
    "access/flows.yaml flows.to": ((FLOWS, "flows/gateway-to-school-aid/to", "resident-register"),),
    "access/flows.yaml flows.data": ((FLOWS, "flows/dashboard-to-analytics/data", ["III"]),),
    "access/flows.yaml flows.exception": (
        (FLOWS, "flows/dashboard-to-analytics/exception", {"owner": "x", "reason": "x", "expires": date(2026, 11, 30)}),
    ),
    "access/flows.yaml flows.exception.expires": (
        (FLOWS, "flows/grading-to-gateway/exception/expires", date(2026, 11, 30)),
    ),
    "access/quarantines.yaml quarantines": ((QUARANTINES, "quarantines/1", GONE),),
    "access/quarantines.yaml quarantines.school": ((QUARANTINES, "quarantines/1/school", "s0001"),),
    "access/quarantines.yaml quarantines.device": ((QUARANTINES, "quarantines/0/device", "s0003-floor2"),),
    "access/quarantines.yaml quarantines.port": ((QUARANTINES, "quarantines/0/port", "GigabitEthernet1/0/10"),),
    "access/quarantines.yaml quarantines.since": ((QUARANTINES, "quarantines/1/since", date(2026, 12, 2)),),
    "access/quarantines.yaml quarantines.until": ((QUARANTINES, "quarantines/1/until", date(2026, 11, 30)),),
    "access/quarantines.yaml quarantines.keeps": ((QUARANTINES, "quarantines/1/keeps", ["cbt"]),),
    "access/quarantines.yaml closed": ((QUARANTINES, "closed/0", GONE),),
    "access/quarantines.yaml closed.school": ((QUARANTINES, "closed/0/school", "s0001"),),
    "access/quarantines.yaml closed.since": ((QUARANTINES, "closed/0/since", date(2026, 12, 2)),),
    **{
        f"access/people.yaml mfa.{one}.strength": ((PEOPLE, f"mfa/{one}/strength", strength),)
        for one, strength in (
            ("I", "without-sms"),
            ("II", "phishing-resistant"),
            ("III", "without-sms"),
            ("IV", "without-sms"),
        )
    },
    "access/applications.yaml applications.session": ((APPLICATIONS, "applications/affairs/session", "8h"),),
    **{
        f"access/people.yaml sessions.{one}": ((PEOPLE, f"sessions/{one}", length),)
        for one, length in (("I", "1h"), ("II", "12h"), ("III", "12h"), ("IV", "2d"))
    },
    "city/blueprints.yaml blueprints.devices": ((BLUEPRINTS, f"{_SMALL}/3", GONE),),
    "city/blueprints.yaml blueprints.devices.count": ((BLUEPRINTS, f"{_SMALL}/2/count", 4),),
    "city/blueprints.yaml blueprints.devices.platform": (
        (BLUEPRINTS, f"{_SMALL}/1/platform/lot-1", "allied_telesis_awplus"),
    ),
    "city/blueprints.yaml blueprints.devices.ports": ((BLUEPRINTS, f"{_SMALL}/{_FLOOR}/9", GONE),),
    "city/blueprints.yaml blueprints.devices.ports.first": ((BLUEPRINTS, f"{_SMALL}/{_FLOOR}/2/first", 6),),
    "city/blueprints.yaml blueprints.devices.ports.last": ((BLUEPRINTS, f"{_SMALL}/{_FLOOR}/2/last", 7),),
    "city/blueprints.yaml blueprints.devices.ports.mode": ((BLUEPRINTS, f"{_SMALL}/{_FLOOR}/2/mode", "trunk"),),
    "city/blueprints.yaml blueprints.devices.ports.segments": (
        (BLUEPRINTS, f"{_SMALL}/{_FLOOR}/2/segments", ["printers"]),
    ),
    "city/blueprints.yaml blueprints.devices.ssids": ((BLUEPRINTS, f"{_SMALL}/{_POINT}/1", GONE),),
    "city/blueprints.yaml blueprints.devices.ssids.ssid": ((BLUEPRINTS, f"{_SMALL}/{_POINT}/1/ssid", "pupils"),),
    "city/blueprints.yaml blueprints.devices.ssids.segment": (
        (BLUEPRINTS, f"{_SMALL}/{_POINT}/1/segment", "printers"),
    ),
    "city/blueprints.yaml blueprints.devices.ssids.protection": (
        (ADMISSION, "admissions/visitors/segment", "guest"),
        *((BLUEPRINTS, f"blueprints/{one}/devices/3/ssids/2/protection", "wpa3-enterprise") for one in _ALL),
    ),
    "city/blueprints.yaml blueprints.kinds": (
        (BLUEPRINTS, "blueprints/high/kinds", ["special-needs"]),
        (BLUEPRINTS, "blueprints/special-needs/kinds", ["high"]),
    ),
    "city/blueprints.yaml blueprints.pupils.at-least": (
        (BLUEPRINTS, "blueprints/elementary-small/pupils/at-most", 200),
        (BLUEPRINTS, "blueprints/elementary-medium/pupils/at-least", 201),
    ),
    "city/blueprints.yaml blueprints.pupils.at-most": (
        (BLUEPRINTS, "blueprints/elementary-small/pupils/at-most", 200),
        (BLUEPRINTS, "blueprints/elementary-medium/pupils/at-least", 201),
    ),
    "city/city.yaml controllers": (
        (CITY, "controllers", ["10.255.0.10/32", "10.255.0.11/32", "2001:db8:80ff::10/128"]),
    ),
    "city/city.yaml offices.egress": ((CITY, "offices/board-office/egress", ["192.0.2.208/28", "2001:db8:80fd::/48"]),),
    "city/city.yaml wards.lot": ((CITY, "wards/nakahara/lot", "lot-2"),),
    "city/schools/*.yaml schools.lot": ((SCHOOLS, "schools/s0004/lot", "lot-2"),),
    "city/schools/*.yaml schools.blueprint": ((SCHOOLS, "schools/s0004/blueprint", "elementary-large"),),
    "city/schools/*.yaml schools.lines.primary.egress": (
        (SCHOOLS, "schools/s0004/lines/primary/egress", ["192.0.2.5", "2001:db8:8004::/48"]),
    ),
    **{
        f"city/schools/*.yaml schools.lines.{line}.egress": (
            (SCHOOLS, f"schools/s0003/lines/{line}/kind", "fixed-ip"),
            (SCHOOLS, f"schools/s0003/lines/{line}/egress", ["192.0.2.77", "2001:db8:80aa::/48"]),
        )
        for line in ("backup", "third")
    },
    "city/devices/*.yaml devices.platform": (
        ("city/devices/all.yaml", "devices/s0004-owncore/platform", "allied_telesis_awplus"),
    ),
    "city/devices/*.yaml devices.lot": (("city/devices/all.yaml", "devices/s0004-owncore/lot", "lot-2"),),
}
"""A valid change of each field that answers judge: file, place in it, value. Each must change an answer."""


def build_base() -> Files:
    """A small city in which a change of each of those fields can be seen."""
    files = build_files(6, [with_inventory, with_three_lines])
    files["access/prefixes/other.yaml"] = {
        "format": 1,
        "id": "other",
        "source": "none",
        "retrieved": date(2026, 11, 23),
        "prefixes": ["203.0.113.64/28", "2001:db8:d0ff::/48"],
    }
    visitors = {"id": "visitors", "certificate": "visitor-device", "roles": ["guardian"]}
    files[ADMISSION]["admissions"].append({**visitors, "segment": "printers", "session-hours": 1})
    why = {"since": date(2026, 11, 20), "reason": "x", "by": "x"}
    files[QUARANTINES] = {
        "format": 1,
        "quarantines": [
            {**why, "device": "s0003-floor1", "port": "GigabitEthernet1/0/9", "until": date(2026, 12, 20)},
            {**why, "school": "s0006", "until": date(2026, 12, 20)},
        ],
        "closed": [{**why, "school": "s0005"}],
    }
    entries = [{"school": "s0001", "stage": "coexist"}, {"group": "exam-schools", "stage": "separated"}]
    files[INTEGRATION]["integrations"][:0] = [{**one, "by": "x"} for one in entries]
    plant(files, INTEGRATION, "integrations/8/stage", "separated")
    plant(files, APPLICATIONS, "applications/file-exchange/importance", "I")
    plant(files, APPLICATIONS, "applications/staff-ai/importance", "IV")
    return files


def plant(files: Files, name: str, place: str, value: object) -> None:
    """Put a value at a place of a file: `rules/cbt/network/from`; items are found by their id or number."""
    *above, last = place.split("/")
    held = files[name]
    for step in above:
        held = held[_find_key(held, step)] if isinstance(held, list) else held.setdefault(step, {})
    key = _find_key(held, last) if isinstance(held, list) else last
    if value is GONE:
        del held[key]
    else:
        held[key] = value


def _find_key(items: list[Any], step: str) -> int:
    return int(step) if step.isdecimal() else next(at for at, one in enumerate(items) if one["id"] == step)
