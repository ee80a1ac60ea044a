"""`tsunagu measure uplinks`: what schools' uplinks carry, by their devices' own counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.estates import load_estate_city, load_estate_operations
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, All, Json, Lang, Policies, Schools, Wards, choose_selection, speak
from controller.cli.output import Exit, get_words, print_message, say_json
from controller.errors import TsunaguError
from controller.measure.lesson_hours import is_lesson_time
from controller.measure.uplinks.port_counters import PortCounters
from controller.measure.uplinks.read_uplinks import UplinkFigure, read_uplinks
from controller.measure.uplinks.snmp_reader import SnmpAgent, SnmpUser, read_port_counters
from controller.measure.uplinks.uplink_ports import list_uplinks
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess, require_access
from controller.plan.select import select_schools_in_service
from controller.platforms.transport.credentials import resolve_secret
from controller.platforms.transport.namespace import run_in_namespace
from controller.telemetry.otlp import Telemetry, open_telemetry
from controller.telemetry.registry import UPLINK_LOST, UPLINK_TRAFFIC, UPLINK_USED, Writer

Between = Annotated[
    float,
    typer.Option("--seconds", min=5, max=3600, help="Between the two readings; devices count in steps of seconds."),
]


class UplinkPortDocument(TypedDict):
    """A port by its name on its device."""

    device: str
    port: str


class UplinkDocument(TypedDict):
    """What an uplink's ports carried together; `used_percent` is of its contract, or of their speed where that is less.

    Without a figure (null), `reason` says why.
    """

    school: str
    uplink: str
    ports: list[UplinkPortDocument]
    download_mbps: float | None
    upload_mbps: float | None
    used_percent: int | None
    lost_packets: int | None
    full: bool
    in_lessons: bool
    reason: str


class UplinksDocument(TypedDict):
    """What schools' uplinks carried between two readings, so many seconds apart."""

    seconds: float
    uplinks: list[UplinkDocument]


def read_school_uplinks(  # noqa: PLR0913 the options of a command
    schools: Schools = None,
    wards: Wards = None,
    seconds: Between = 30.0,
    policies: Policies = DEFAULT_POLICIES,
    lang: Lang = None,
    *,
    everything: All = False,
    as_json: Json = False,
) -> None:
    """Read what schools' uplinks carry, by SNMPv3: everybody's traffic, not only that of our tests.

    The counters of the router's lines and of the core switch's ports to the router are read twice; an uplink of several
    ports, as a LAG, is their sum. Needs `snmp` in the devices' access in the operators' file. Exit code 1 where an
    uplink gives no figure. Docs: measuring.md.
    """
    speak(lang)
    city = load_estate_city(policies, lab=False)
    chosen = select_schools_in_service(city, choose_selection(schools, wards, everything=everything))
    uplinks = [one for school in chosen for one in list_uplinks(city, school)]
    began = datetime.now(UTC)
    read = build_counter_reader(load_estate_operations(city).access)
    found = read_uplinks(uplinks, read, lambda: wait_between(seconds))
    lessons = {one.id: is_lesson_time(began, city, one) for one in chosen}
    with open_telemetry(token=find_token_file(Writer.PROBE, policies)) as sent:
        for one in found:
            record_uplink(sent, one)
    if as_json:
        say_json(UplinksDocument(seconds=seconds, uplinks=[_build_document(one, lessons) for one in found]))
    else:
        _say_uplinks(found, lessons, seconds)
    raise typer.Exit(Exit.GOOD if all(one.rate is not None for one in found) else Exit.FAILED)


def wait_between(seconds: float) -> None:
    """Wait for the second reading."""
    time.sleep(seconds)


def build_counter_reader(
    access: Mapping[str, DeviceAccess],
) -> Callable[[Device, Sequence[str]], dict[str, PortCounters]]:
    """What reads a device's ports by the access that the operators' file has for it."""

    def read_device_ports(device: Device, ports: Sequence[str]) -> dict[str, PortCounters]:
        known = require_access(access, device)
        if known.snmp is None:
            raise TsunaguError(get_words().say("measure.uplink-no-snmp", device=device.id, access=device.access))
        user = SnmpUser(
            known.snmp.user,
            resolve_secret(device.id, known.snmp.authentication),
            resolve_secret(device.id, known.snmp.privacy),
            known.snmp.hash,
            known.snmp.cipher,
        )
        agent = SnmpAgent(device.id, str(device.management), known.snmp.port)
        if known.namespace is None:
            return read_port_counters(agent, user, ports)
        try:
            return run_in_namespace(known.namespace, lambda: read_port_counters(agent, user, ports))
        except OSError as error:
            message = f"{device.id}: the namespace {known.namespace} cannot be entered ({error.strerror or error})"
            raise TsunaguError(message) from None

    return read_device_ports


def record_uplink(sent: Telemetry, one: UplinkFigure) -> None:
    """The figures of one uplink; one without a rate records nothing."""
    if one.rate is None:
        return
    ways = {"download": (one.rate.bits_in, one.rate.lost_in), "upload": (one.rate.bits_out, one.rate.lost_out)}
    for direction, (bits, lost) in ways.items():
        about = {"school": one.uplink.school, "uplink": one.uplink.name, "direction": direction}
        sent.record(UPLINK_TRAFFIC, bits, **about)
        sent.record(UPLINK_USED, bits / one.capacity, **about)
        sent.record(UPLINK_LOST, lost, **about)


def _build_document(one: UplinkFigure, lessons: Mapping[str, bool]) -> UplinkDocument:
    rate = one.rate
    return UplinkDocument(
        school=one.uplink.school,
        uplink=one.uplink.name,
        ports=[UplinkPortDocument(device=port.device.id, port=port.name) for port in one.uplink.ports],
        download_mbps=None if rate is None else round(rate.bits_in / 1e6, 3),
        upload_mbps=None if rate is None else round(rate.bits_out / 1e6, 3),
        used_percent=None if rate is None else int(100 * one.used_share),
        lost_packets=None if rate is None else rate.lost_in + rate.lost_out,
        full=one.is_full,
        in_lessons=lessons[one.uplink.school],
        reason=_explain(one),
    )


def _explain(one: UplinkFigure) -> str:
    """Why there is no figure; nothing where there is one."""
    if one.reason is None or one.silent is None:
        return get_words().translate("refusals", one.unread)
    return get_words().say(f"measure.uplink-{one.reason}", device=one.silent.device.id)


def _say_uplinks(found: Sequence[UplinkFigure], lessons: Mapping[str, bool], seconds: float) -> None:
    """The full ones first, then by how full they are; at last those without a figure."""
    words = get_words()
    for one in sorted(found, key=lambda one: (one.rate is None, -one.used_share)):
        about = {"school": one.uplink.school, "uplink": one.uplink.name}
        if one.rate is None:
            print_message("measure.uplink-unread", "yellow", **about, why=_explain(one))
            continue
        mark = "uplink-full-in-lessons" if lessons[one.uplink.school] else "uplink-full"
        print_message(
            "measure.uplink",
            "red" if one.is_full else None,
            **about,
            down=f"{one.rate.bits_in / 1e6:.1f}",
            up=f"{one.rate.bits_out / 1e6:.1f}",
            percent=int(100 * one.used_share),
            lost=one.rate.lost_in + one.rate.lost_out,
            marks=words[f"measure.{mark}"] if one.is_full else "",
        )
    full, unread = sum(one.is_full for one in found), sum(one.rate is None for one in found)
    print_message("measure.uplinks-counted", None, count=len(found), full=full, unread=unread, seconds=f"{seconds:g}")
