"""Odd networks of cities: families of addresses, lines, kinds of schools, time zones that the sample does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.model.network.packets import Family

Files = dict[str, Any]
"""The parsed YAML files of a city, by their path in the policy folder."""


def _schools(files: Files) -> list[dict[str, Any]]:
    return list(files["city/schools/all.yaml"]["schools"])


def with_ipv4_only(files: Files) -> None:
    """A city without IPv6: no address of it stands in its files."""
    _keep_family(files, Family.V4)
    del files["city/city.yaml"]["addressing"]["ipv6"], files["city/city.yaml"]["addressing"]["school-ipv6-length"]
    del files["city/city.yaml"]["transit"]["ipv6-subnet"]
    for segment in files["access/segments.yaml"]["segments"]:
        del segment["ipv6-subnet"]
    for link in files["city/lines.yaml"]["links"].values():
        del link["ipv6"]


def with_ipv6_only(files: Files) -> None:
    """A city without IPv4: no address of it stands in its files."""
    _keep_family(files, Family.V6)
    del files["city/city.yaml"]["addressing"]["ipv4"], files["city/city.yaml"]["addressing"]["school-ipv4-length"]
    transit = files["city/city.yaml"]["transit"]
    del transit["ipv4-offset"], transit["ipv4-length"]
    for segment in files["access/segments.yaml"]["segments"]:
        del segment["ipv4"]
    for link in files["city/lines.yaml"]["links"].values():
        del link["ipv4"]


def _keep_management(files: Files, keep: Callable[[list[str]], list[str]]) -> None:
    """Addresses of devices that stand in an inventory already; where none is left, the formula gives one."""
    for device in files.get("city/devices/all.yaml", {}).get("devices", []):
        if "management" in device and not keep([device["management"]]):
            del device["management"]


def _keep_family(files: Files, family: Family) -> None:
    """Addresses of the other family go out of the lists that may have both."""

    def keep(prefixes: list[str]) -> list[str]:
        return [one for one in prefixes if (":" in one) is (family is Family.V6)]

    _keep_management(files, keep)
    city = files["city/city.yaml"]
    city["controllers"] = keep(city["controllers"])
    for office in city.get("offices", []):
        office["egress"] = keep(office["egress"])
    for school in _schools(files):
        for line in school["lines"].values():
            if "egress" in line:
                line["egress"] = keep(line["egress"])
    for app in files["access/applications.yaml"]["applications"]:
        if "addresses" in app:
            # Another oddity may have left it the other family alone: then it moves.
            app["addresses"] = keep(app["addresses"]) or keep(["10.254.0.10", "2001:db8:80fe::10"])
    necessities = files["access/necessities.yaml"]["necessities"]
    files["access/necessities.yaml"]["necessities"] = [one for one in necessities if one["family"] == family]
    admission = files["access/admission.yaml"]
    if "servers" in admission:
        admission["servers"] = keep(admission["servers"]) or ["2001:db8:80fe:1::30"]


def with_other_kinds(files: Files) -> None:
    """Kinds of the city's own: a school of nine years, and a kitchen that has no pupils."""
    files["city/city.yaml"]["kinds"] = [
        {"id": "nine-years", "name": "義務教育学校"},
        {"id": "kyushoku", "name": "給食センター", "english": "Lunch centre"},
    ]
    for number, school in enumerate(_schools(files)):
        school.update({"kind": "nine-years"} if number % 2 == 0 else {"kind": "kyushoku", "pupils": 0})
    blueprint = files["city/blueprints.yaml"]["blueprints"][0]
    every = {"id": "every", "kinds": ["nine-years", "kyushoku"], "pupils": {}, "devices": blueprint["devices"]}
    files["city/blueprints.yaml"]["blueprints"] = [every]
    for group in files.get("city/groups.yaml", {"groups": []})["groups"]:
        if "kinds" in group:
            group["kinds"] = ["nine-years"]
    for rule in files["access/rules.yaml"]["rules"]:
        if "kinds" in rule.get("schools", {}):
            rule["schools"]["kinds"] = ["nine-years"]


def with_other_time_zone(files: Files) -> None:
    """A city of another country, with summer time."""
    files["city/city.yaml"] |= {"timezone": "America/St_Johns", "country": "CA"}


def with_one_line(files: Files) -> None:
    """Every school has one line; the city knows no other."""
    for school in _schools(files):
        school["lines"].pop("backup", None)
    lines = files["city/lines.yaml"]
    del lines["links"]["backup"]
    lines["preference"] = [way for way in lines["preference"] if way["line"] == "primary"]
    files["measurement.yaml"]["judged"]["line"] = "primary"


def with_three_lines(files: Files) -> None:
    """Some schools have three lines, some one."""
    lines = files["city/lines.yaml"]
    lines["links"]["third"] = {"interface": "wan2", "ipv4": "100.64.64.0/19", "ipv6": "fd74:736e:0:3::/64"}
    lines["preference"].append({"line": "third", "region": lines["regions"][0]["id"]})
    for number, school in enumerate(_schools(files)):
        if number % 2 == 0:
            school["lines"]["third"] = {"kind": "lte", "mbps": 20}
        else:
            del school["lines"]["backup"]


def with_tunnels_and_static_routes(files: Files) -> None:
    """What no platform renders yet: the routers are refused by name, and nothing else is."""
    for number, school in enumerate(_schools(files)):
        if number % 2 == 0:
            tunnel = {"kind": "ipsec", "peer": "203.0.113.200", "mtu": 1400}
            school["lines"]["primary"] |= {"tunnel": tunnel}
        else:
            school["lines"]["primary"] |= {"routing": "static"}
