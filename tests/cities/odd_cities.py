"""Small odd cities: what the sample city has, and others do not, is taken out or replaced, in files of their own.

A city is the sample's files with a few schools; each oddity is a function over the parsed files. What names something
that is gone is taken out with it, so that `check` has no reason to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from controller.model.network.packets import Family
from tests.cities.odd_networks import (
    with_ipv4_only,
    with_ipv6_only,
    with_one_line,
    with_other_kinds,
    with_other_time_zone,
    with_tunnels_and_static_routes,
)

SHIPPED = Path(__file__).parents[2] / "policies"
Files = dict[str, Any]
"""The parsed YAML files of a city, by their path in the policy folder."""
Oddity = Callable[[Files], None]


def read_sample() -> Files:
    """The sample city's files without their schools."""
    return deepcopy(_parse_sample())


@cache
def _parse_sample() -> Files:
    found: Files = {}
    for path in sorted(SHIPPED.rglob("*.yaml")):
        name = path.relative_to(SHIPPED).as_posix()
        if not name.startswith(("city/schools/", "schema/")):
            found[name] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def build_files(schools: int, oddities: Iterable[Oddity]) -> Files:
    """The files of a city of so many schools with these oddities, in the given order."""
    files = read_sample()
    files["city/schools/all.yaml"] = {
        "format": 1,
        "schools": [_build_school(number) for number in range(1, schools + 1)],
    }
    names = [one["id"] for one in files["city/schools/all.yaml"]["schools"]]
    kept = names[: len(files["city/lab.yaml"]["schools"])]
    rates = next(iter(files["city/lab.yaml"]["rates"].values()))
    lab = files["city/lab.yaml"]
    lab |= {"schools": kept, "canary": kept[0], "rates": dict.fromkeys(kept, rates)}
    lab.pop("platforms", None)
    for oddity in oddities:
        oddity(files)
    return files


def write_city(files: Files, folder: Path) -> Path:
    """Write the files as a policy folder, and return it."""
    # As `yaml.safe_dump` writes it, by libyaml, which takes a quarter of the time.
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.dump(value, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    outputs = folder / "stack-outputs/lab.json"
    outputs.parent.mkdir(exist_ok=True)
    outputs.write_text((SHIPPED / "stack-outputs/lab.json").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def _build_school(number: int) -> dict[str, Any]:
    kinds = ("elementary", "junior-high", "high", "special-needs")
    wards = ("kawasaki", "tama", "asao", "saiwai", "nakahara", "takatsu", "miyamae")
    fixed = {"kind": "fixed-ip", "mbps": 1000, "egress": [f"192.0.2.{number}", f"2001:db8:80{number:02x}::/48"]}
    primary = fixed if number % 2 == 0 and number < 200 else {"kind": "map-e", "mbps": 1000}
    return {
        "id": f"s{number:04}",
        "number": number if number < 255 else number + 1,
        "name": f"仮・第{number}学校",
        "ward": wards[number % len(wards)],
        "kind": kinds[number % len(kinds)],
        "pupils": 90 + 37 * number % 900,
        "lines": {"primary": primary, "backup": {"kind": "lte", "mbps": 100}},
    }


# --- oddities ------------------------------------------------------------------------------------------------------


def without_offices(files: Files) -> None:
    """No place of the board's own."""
    files["city/city.yaml"].pop("offices", None)
    _drop_place(files, "board-office")


def with_offices_unused(files: Files) -> None:
    """No office, and rules that name the place all the same."""
    files["city/city.yaml"].pop("offices", None)


def without_egress(files: Files) -> None:
    """No school has addresses of its own: a closed VPN, MAP-E or LTE everywhere."""
    for school in _schools(files):
        school["lines"]["primary"] = {"kind": "closed-vpn", "mbps": 100}


def with_one_egress(files: Files) -> None:
    """One school alone has addresses of its own."""
    without_egress(files)
    _schools(files)[-1]["lines"]["primary"] = {"kind": "fixed-ip", "mbps": 100, "egress": ["192.0.2.1"]}


def with_egress_on_the_backup_only(files: Files) -> None:
    """The one address of its own is the backup's."""
    without_egress(files)
    name = "backup" if "backup" in files["city/lines.yaml"]["links"] else "primary"
    _schools(files)[0]["lines"][name] = {"kind": "fixed-ip", "mbps": 100, "egress": ["2001:db8:80ee::/48"]}


def with_one_ward(files: Files) -> None:
    """All schools in one ward of another name."""
    files["city/city.yaml"]["wards"] = [{"id": "minato", "name": "港区", "lot": "lot-1"}]
    files["city/integration.yaml"]["integrations"] = [{"ward": "minato", "stage": "coexist", "by": "x"}]
    for school in _schools(files):
        school["ward"] = "minato"
    for group in files.get("city/groups.yaml", {"groups": []})["groups"]:
        if "wards" in group:
            group["wards"] = ["minato"]
    for blueprint in files["city/blueprints.yaml"]["blueprints"]:
        for device in blueprint["devices"]:
            device["platform"] = {"lot-1": device["platform"]["lot-1"]}
            device.pop("keeps-state", None)


def with_one_region(files: Files) -> None:
    """One region, not called Tokyo."""
    lines = files["city/lines.yaml"]
    lines["regions"] = [{"id": "nagoya", "name": "名古屋", "asn": 64999, "host": 1}]
    lines["preference"] = [{"line": name, "region": "nagoya"} for name in lines["links"]]
    files["measurement.yaml"]["judged"]["regions"] = ["nagoya"]


def without_wifi(files: Files) -> None:
    """No access point of ours."""
    for blueprint in files["city/blueprints.yaml"]["blueprints"]:
        blueprint["devices"] = [one for one in blueprint["devices"] if one["role"] != "access-point"]


def without_router(files: Files) -> None:
    """The router is somebody else's."""
    for blueprint in files["city/blueprints.yaml"]["blueprints"]:
        blueprint["devices"] = [one for one in blueprint["devices"] if one["role"] != "router"]


def with_one_family_at(family: Family) -> Oddity:
    """An application that has addresses of one family."""

    def change(files: Files) -> None:
        drills, apps = files.get("access/prefixes/drills.yaml"), files["access/applications.yaml"]["applications"]
        lists = [(drills, "prefixes")] if drills else []
        lists += [(app, "addresses") for app in apps if app["id"] == "grading"]
        for named, field in lists:
            kept = [one for one in named[field] if (":" in one) is (family == 6)]
            # Where the other family alone is left already, it stays: an application has some address.
            named[field] = kept or named[field]

    change.__name__ = f"with_ipv{int(family)}_only_at_two_applications"
    return change


def with_on_premises_only(files: Files) -> None:
    """No cloud and no SaaS: one application in the city's data centre, and the devices."""
    _keep_applications(files, {"grading", "printing", "device-management"})


def with_one_application(files: Files) -> None:
    """One application in the cloud, and the devices."""
    _keep_applications(files, {"affairs", "device-management"})


def without_groups_and_calendar(files: Files) -> None:
    """No groups of schools and no days of a calendar."""
    rules = files["access/rules.yaml"]["rules"]
    files["access/rules.yaml"]["rules"] = [
        rule
        for rule in rules
        if "groups" not in rule.get("schools", {})
        and not isinstance(rule.get("identity", {}).get("hours", {}).get("days", []), str)
    ]
    del files["city/groups.yaml"]
    del files["city/calendar.yaml"]


def without_admission(files: Files) -> None:
    """Nobody is admitted by 802.1X but into quarantine."""
    files["access/admission.yaml"]["admissions"] = []
    without_wifi(files)
    for rule in files["access/rules.yaml"]["rules"]:
        if rule.get("identity", {}).get("enforced-by") == ["802.1x"]:
            del rule["identity"]


def with_own_segments(files: Files) -> None:
    """Every school has prefixes and VLAN numbers that no formula gives, as a running network has."""
    segments = files["access/segments.yaml"]["segments"]
    first = next(one["id"] for one in segments if one["id"] != "management")
    moved = next(one["id"] for one in segments if one["vlan"] == 20)
    for school in _schools(files):
        number = school["number"]
        school["segments"] = [
            {"id": "management", "ipv4": f"172.20.{number % 256}.0/24", "vlan": 190},
            {"id": first, "ipv4": f"172.21.{number % 256}.0/24", "vlan": 20},
            {"id": moved, "vlan": 110 + number % 7},
        ]


def without_lab_file(files: Files) -> None:
    """Nobody wants a virtual city."""
    del files["city/lab.yaml"]


def with_inventory(files: Files) -> None:
    """Every core and router has a name of its own, another address and, at the core, its own uplink."""
    listed = []
    has_ipv4 = "ipv4" in files["city/city.yaml"]["addressing"]
    for school in _schools(files):
        number = school["number"]
        own = school.get("segments", [{}])[0]
        subnet = own.get("ipv4", f"10.{number % 256}.10.0/24").removesuffix("0/24") if has_ipv4 and number < 256 else ""
        places = (("core", 200), ("router", 201)) if _has_router(files) else (("core", 200),)
        for role, host in places:
            one = {"id": f"{school['id']}-own{role}", "school": school["id"], "role": role}
            listed.append(one | ({"management": f"{subnet}{host}"} if subnet else {}))
    files["city/devices/all.yaml"] = {"format": 1, "devices": listed}


def with_a_stack_of_cores(files: Files) -> None:
    """The core of every school is a stack of three switches."""
    for blueprint in files["city/blueprints.yaml"]["blueprints"]:
        for device in blueprint["devices"]:
            if device["role"] == "core":
                device |= {"count": 3, "stack": True}


def _has_router(files: Files) -> bool:
    groups = (one for blueprint in files["city/blueprints.yaml"]["blueprints"] for one in blueprint["devices"])
    return any(one["role"] == "router" for one in groups)


def with_lots_at_schools(files: Files) -> None:
    """Wards name no lot; every school does, and half of them their blueprint."""
    for ward in files["city/city.yaml"]["wards"]:
        del ward["lot"]
    lots = sorted({lot for one in files["city/blueprints.yaml"]["blueprints"] for lot in one["devices"][0]["platform"]})
    for school in _schools(files):
        school["lot"] = lots[school["number"] % len(lots)]
        if school["number"] % 2:
            school["blueprint"] = files["city/blueprints.yaml"]["blueprints"][0]["id"]
    used = {school["lot"] for school in _schools(files)}
    for blueprint in files["city/blueprints.yaml"]["blueprints"]:
        for device in blueprint["devices"]:
            every = dict.fromkeys(lots, next(iter(device["platform"].values()))) | device["platform"]
            device["platform"] = {lot: platform for lot, platform in every.items() if lot in used}
            if "keeps-state" in device:
                device["keeps-state"] = {lot: kept for lot, kept in device["keeps-state"].items() if lot in used}


PLACES = {"own-school": "jiko", "other-school": "tako", "board-office": "iinkai", "home": "jitaku", "abroad": "kaigai"}


RENAMED = {"id", "from", "segment", "segments", "roles", "places", "otherwise", "default"}


def with_other_words(files: Files) -> None:
    """Other names for roles, segments, rules and places."""
    words = {"teacher": "kyoin", "staff": "shokuin", "pupil": "seito", "quarantine": "kakuri", "printers": "insatsu"}
    words |= PLACES
    for place in files["access/people.yaml"]["places"]:
        place["means"] = place["id"]
    for name in list(files):
        if name.startswith(("access/", "city/")):
            files[name] = _rename(files[name], words)


def _rename(value: Any, words: dict[str, str], key: str = "") -> Any:  # noqa: ANN401 parsed YAML
    if isinstance(value, dict):
        return {name: _rename(one, words, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_rename(one, words, key) for one in value]
    if isinstance(value, str) and key in RENAMED:
        return words.get(value, value)
    return value


def _schools(files: Files) -> list[dict[str, Any]]:
    return list(files["city/schools/all.yaml"]["schools"])


def _drop_place(files: Files, place: str) -> None:
    rules = files["access/rules.yaml"]["rules"]
    files["access/rules.yaml"]["rules"] = [
        rule for rule in rules if rule.get("identity", {}).get("places", []) != [place]
    ]
    people = files["access/people.yaml"]
    people["places"] = [one for one in people["places"] if one["id"] != place]


def _keep_applications(files: Files, kept: set[str]) -> None:
    apps = files["access/applications.yaml"]["applications"]
    files["access/applications.yaml"]["applications"] = [one for one in apps if one["id"] in kept]
    for app in apps:
        if app.get("taken-over-by") not in kept:
            app.pop("taken-over-by", None)
    rules = files["access/rules.yaml"]["rules"]
    for rule in rules:
        rule["applications"] = [one for one in rule["applications"] if one in kept]
    files["access/rules.yaml"]["rules"] = [rule for rule in rules if rule["applications"]]
    files["access/flows.yaml"]["flows"] = []
    for name in [name for name in files if name.startswith("access/prefixes/")]:
        del files[name]


ODDITIES: tuple[Oddity, ...] = (
    without_offices,
    with_offices_unused,
    without_egress,
    with_one_egress,
    with_egress_on_the_backup_only,
    with_one_ward,
    with_one_region,
    without_wifi,
    without_router,
    with_one_family_at(Family.V4),
    with_one_family_at(Family.V6),
    with_ipv4_only,
    with_ipv6_only,
    with_one_line,
    with_other_kinds,
    with_other_time_zone,
    with_tunnels_and_static_routes,
    with_on_premises_only,
    with_one_application,
    without_groups_and_calendar,
    without_admission,
    with_own_segments,
    with_lots_at_schools,
    without_lab_file,
    with_inventory,
    with_a_stack_of_cores,
    with_other_words,
)
