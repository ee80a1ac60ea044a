"""What is known of each field of the policy's files: which answers show a change of it, or why none has to.

A field that stands in neither table is told as "not judged" wherever it differs, so a new field of a model is safe from
its first day. `tests/plan/test_what_if_fields.py` plants a change of every field, and holds both tables to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.plan.what_if.field_differences import ORDER

_CITY, _SCHOOLS, _DEVICES = "city/city.yaml", "city/schools/*.yaml", "city/devices/*.yaml"
_BLUEPRINTS, _GROUPS, _RULES = "city/blueprints.yaml", "city/groups.yaml", "access/rules.yaml"
_APPLICATIONS, _PREFIXES, _PEOPLE = "access/applications.yaml", "access/prefixes/*.yaml", "access/people.yaml"
_ADMISSION, _FLOWS, _MEASUREMENT = "access/admission.yaml", "access/flows.yaml", "measurement.yaml"
_QUARANTINES = "access/quarantines.yaml"
_INTEGRATION = "city/integration.yaml"
_SEGMENTS, _CALENDAR, _LINES = "access/segments.yaml", "city/calendar.yaml", "city/lines.yaml"


def _name(file: str, *fields: str) -> frozenset[str]:
    return frozenset(f"{file} {one}" for one in fields)


JUDGED: frozenset[str] = (
    _name(
        _RULES,
        *("rules", "rules.effect", "rules.applications"),
        *("rules.schools", "rules.schools.wards", "rules.schools.kinds", "rules.schools.ids", "rules.schools.groups"),
        *("rules.network", "rules.network.from", "rules.network.services"),
        *("rules.identity.roles", "rules.identity.mfa"),
        *("rules.identity.postures", "rules.identity.devices", "rules.identity.places"),
        *("rules.identity.hours", "rules.identity.hours.from", "rules.identity.hours.until"),
        "rules.identity.hours.days",
    )
    | _name(_GROUPS, "groups.wards", "groups.kinds", "groups.ids")
    | _name(_APPLICATIONS, "applications.services", "applications.addresses", "applications.prefixes")
    | _name(_APPLICATIONS, "applications.session")
    | _name(_PREFIXES, "prefixes")
    | _name(_ADMISSION, "admissions", "admissions.certificate", "admissions.roles", "admissions.postures")
    | _name(_ADMISSION, "admissions.places", "admissions.segment", "otherwise")
    | _name(_FLOWS, "flows", "flows.effect", "flows.from", "flows.to", "flows.data")
    | _name(_PEOPLE, *(f"mfa.{one}.strength" for one in ("I", "II", "III", "IV")))
    | _name(_PEOPLE, *(f"sessions.{one}" for one in ("I", "II", "III", "IV")))
    | _name(_BLUEPRINTS, "blueprints.devices.count", "blueprints.devices.platform")
    | _name(_BLUEPRINTS, *(f"blueprints.devices.ports{one}" for one in (".first", ".last", ".mode", ".segments")))
    | _name(_BLUEPRINTS, *(f"blueprints.devices.ssids{one}" for one in ("", ".ssid", ".segment", ".protection")))
    | _name(_RULES, "rules.schools.stages")
    | _name(_BLUEPRINTS, "blueprints.devices.ports.stages", "blueprints.devices.ssids.stages")
    | _name(_INTEGRATION, *(f"integrations{one}" for one in ("", ".school", ".ward", ".group", ".stage")))
    | _name(_INTEGRATION, "integrations.since", "integrations.came-from")
    | _name(_DEVICES, "devices.platform")
    | _name(_CITY, "controllers", "offices.egress")
    | _name(_SCHOOLS, *(f"schools.lines.{one}.egress" for one in ("primary", "backup", "third")))
)
"""Fields whose every effect on who reaches what, and on who manages what, is among the answers.

Two kinds of fields are not: what chooses among whole blueprints or lots (it brings what no answer shows, such as who
keeps the state of TCP), and what begins or ends on another day than the one that is judged.
"""

_FOR_PEOPLE = "words for people; nothing is decided by them"
_UNORDERED = "their order decides nothing: each holds by itself, and what forbids goes first"

WITHOUT_EFFECT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *_name(_CITY, "name", "kinds.name", "kinds.english", "wards.name", "offices.name"),
            *_name(_SCHOOLS, "schools.name"),
            *_name(_GROUPS, "groups.name"),
            *_name(_SEGMENTS, "segments.name"),
            *_name(_PEOPLE, "roles.name", "postures.name", "places.name", "device-classes.name"),
            *_name(_APPLICATIONS, "applications.name", "applications.taken-over-by"),
            *_name(_RULES, "rules.purpose", "rules.exception.owner", "rules.exception.reason"),
            *_name(_FLOWS, "systems.name", "flows.purpose", "flows.exception.owner", "flows.exception.reason"),
            *_name(_LINES, "regions.name", "overrides.owner", "overrides.reason"),
            *_name(_CALENDAR, "terms.name", "holidays.name", "extra.name", "exams.name", "school-exams.name"),
            *_name("access/necessities.yaml", "necessities.why"),
            *_name(_PREFIXES, "source", "retrieved"),
            *_name(_QUARANTINES, "quarantines.reason", "quarantines.by", "closed.reason", "closed.by"),
            *_name(_MEASUREMENT, "recommended.source"),
            *_name(_INTEGRATION, "integrations.by", "shared.reason"),
        ),
        _FOR_PEOPLE,
    ),
    **dict.fromkeys(
        _name(_INTEGRATION, "integrations.next", "integrations.next.stage", "integrations.next.cutover"),
        "what is to come opens nothing: a stage is changed by an edit of its own, never by a day that passes",
    ),
    **dict.fromkeys(
        _name(_INTEGRATION, "integrations.retire-by"),
        "it closes nothing: it is the day from which computers that are left in old networks are told as too late",
    ),
    **dict.fromkeys(
        _name(_INTEGRATION, "shared", "shared.segment", "shared.ward"),
        "it only refuses schools of one ward in two stages; whether they may is asked when a policy is loaded",
    ),
    **dict.fromkeys(
        (
            *_name(_RULES, f"rules {ORDER}"),
            *_name(_FLOWS, f"flows {ORDER}", f"systems {ORDER}"),
            *_name(_APPLICATIONS, f"applications {ORDER}"),
            *_name(_SCHOOLS, f"schools {ORDER}"),
            *_name(_GROUPS, f"groups {ORDER}"),
            *_name(_CITY, f"wards {ORDER}", f"offices {ORDER}", f"kinds {ORDER}"),
            *_name(_PEOPLE, f"roles {ORDER}"),
            *_name(_INTEGRATION, f"integrations {ORDER}"),
        ),
        _UNORDERED,
    ),
}
"""Fields that decide nothing of who reaches what, each with the reason."""


def is_unjudged(field: str) -> bool:
    """Tell if a difference of this field is neither shown by an answer nor known to have no effect.

    >>> is_unjudged("access/segments.yaml segments.vlan"), is_unjudged("access/segments.yaml segments.name")
    (True, False)
    """
    return field not in JUDGED and field not in WITHOUT_EFFECT
