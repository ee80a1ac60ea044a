"""What `show` commands print (S5, S6, S3d, S9c page 838; of triggers and files as the vendor's manuals print them)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.forwarding import write_dotted
from controller.lab.virtual_switches.x530.access_lists import V4
from controller.lab.virtual_switches.x530.grammar import Refused, write_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.lab.virtual_switches.x530.configuration import Configuration, Trigger
    from controller.lab.virtual_switches.x530.device import X530

VERSION = "5.5.0-2.12"
_WIDTH = 36


def show_boot(device: X530) -> list[str]:
    """Return `show boot` (S5)."""
    there = "(file exists)" if device.boot_name in device.files else "(file not found)"
    return [
        "Boot configuration",
        "-" * 64,
        f"Current software   : x530-{VERSION}.rel",
        f"Current boot image : flash:/x530-{VERSION}.rel (file exists)",
        "Backup  boot image : Not set",
        "Default boot config: flash:/default.cfg",
        f"Current boot config: flash:/{device.boot_name} {there}",
        "Backup  boot config: Not set",
    ]


def _date(device: X530) -> datetime:
    return datetime.fromtimestamp(device.tell_wall_time(), UTC)


def show_clock(device: X530) -> list[str]:
    """Return `show clock`."""
    return [
        f"UTC Time:     {_date(device):%a, %d %b %Y %H:%M:%S} +0000",
        "Timezone: UTC",
        "Timezone Offset: +00:00",
        "Summer time zone: None",
    ]


def show_version(device: X530) -> list[str]:
    """Return `show version`."""
    return [f"AlliedWare Plus (TM) {VERSION} {_date(device):%d %b %Y}", "", f"Boot name    : x530-{VERSION}.rel"]


def show_system(device: X530) -> list[str]:
    """Return `show system`."""
    return [
        f"Switch System Status                                   {_date(device):%a %b %d %H:%M:%S %Y}",
        "",
        "Board       ID  Bay   Board Name                         Rev   Serial number",
        "-" * 80,
        f"Base       465        x530-{device.model.ports}                               A-0   A00000",
        "-" * 80,
        f"Software version  : {VERSION}",
        f"Current boot config: flash:/{device.boot_name}",
        f"System Name\n {device.hostname}",
    ]


def show_file_systems(device: X530) -> list[str]:
    """Return `show file systems`."""
    size = f"{device.model.flash_bytes / 2**20:.1f}M"
    free = f"{device.count_free_bytes() / 2**20:.1f}M"
    return [
        " Size(b)  Free(b)  Type   Flags  Prefixes   S/D/V   Lcl/Ntwk  Avail",
        "-" * 67,
        f"{size:>8} {free:>8}  flash  rw     flash:     static  local     Y",
    ]


def show_files(device: X530) -> list[str]:
    """Return `dir`."""
    return [f"{len(text.encode()):>10} -rw- {_date(device):%b %d %Y %H:%M:%S}  {name}"
            for name, text in sorted(device.files.items())]  # fmt: skip


def show_vlans(running: Configuration) -> Iterator[str]:
    """Yield `show vlan all`: members with (u) for untagged and (t) for tagged, wrapped (S6)."""
    yield "VLAN ID  Name            Type    State   Member ports"
    yield "                                         (u)-Untagged, (t)-Tagged"
    yield "======= ================ ======= ======= ===================================="
    for number, vlan in sorted(running.vlans.items()):
        state = "ACTIVE" if vlan.enabled else "SUSPEND"
        head = f"{number:<7} {vlan.name[:16]:<16} STATIC  {state:<7} "
        members = [
            f"{name}({'t' if port.mode == 'trunk' and number in port.allowed else 'u'})"
            for name, port in (running.ports | running.aggregates).items()
            if not port.group and port.uses(number)
        ]
        for line in _wrap(members):
            yield f"{head}{line}".rstrip()
            head = " " * 41


def _wrap(words: list[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + len(word) + 1 > _WIDTH:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def show_switchports(running: Configuration) -> Iterator[str]:
    """Yield `show interface switchport` (S6)."""
    for name, port in (running.ports | running.aggregates).items():
        native = port.access if port.mode == "access" else port.native
        used = sorted({native} | port.allowed if native and port.mode == "trunk" else port.allowed or {native or 0})
        yield f"Interface name            : {name}"
        yield f"Switchport mode           : {port.mode}"
        yield "Ingress filter            : enable"
        yield "Acceptable frame types    : all"
        yield f"Default Vlan              : {native or 'none'}"
        yield f"Configured Vlans          : {' '.join(str(one) for one in used if one)}"
        yield ""


def show_addresses(device: X530) -> Iterator[str]:
    """Yield `show mac address-table`: the hosts that the data plane has learnt (ntc-templates' example)."""
    yield "VLAN port             mac            fwd"
    for one in sorted(device.list_learnt()):
        yield f"{one.vlan:<4} {one.port:<12} {write_dotted(one.mac)}   forward   dynamic"


def show_lists(running: Configuration) -> Iterator[str]:
    """Yield `show access-list`: entries with their numbers (S9c page 838, S3d)."""
    yield from _show_lists(running, 4)


def show_lists_6(running: Configuration) -> Iterator[str]:
    """Yield `show ipv6 access-list` (S3d)."""
    yield from _show_lists(running, 6)


def _show_lists(running: Configuration, family: int) -> Iterator[str]:
    for (version, name), held in running.lists.items():
        if version == family:
            yield f"Hardware IP access list {name}" if family == V4 else f"Named Extended IPv6 access list {name}"
            yield from (f" {number:>4} {entry.text}" for number, entry in sorted(held.entries.items()))


def show_groups(running: Configuration, kind: str) -> Iterator[str]:
    """Yield the groups and their members."""
    for name in sorted(running.aggregates):
        if name.startswith(kind):
            yield f"% {name} Members:" if kind == "sa" else f"Channel group {name}, members:"
            yield f"  {' '.join(running.list_members(name))}"


def show_maps(running: Configuration) -> Iterator[str]:
    """Yield the VLAN maps."""
    for name, lists in running.maps.items():
        yield f"Vlan access map : {name}"
        yield from (f"  match access-group {one}" for one in lists)


def show_filters(running: Configuration) -> Iterator[str]:
    """Yield where VLAN maps stand."""
    for name in dict.fromkeys(running.filters.values()):
        yield f"Vlan Filter : {name}"
        yield f"  direction : ingress, vlan {write_numbers({v for v, one in running.filters.items() if one == name})}"


def describe_type(one: Trigger) -> str:
    """Return a trigger's type as `show trigger` prints it."""
    if one.kind == "periodic":
        return f"Periodic ({one.minutes} min)"
    if one.kind == "time":
        return f"Time ({one.minutes // 60:02}:{one.minutes % 60:02})"
    return "None"


def show_triggers(running: Configuration) -> Iterator[str]:
    """Yield `show trigger`."""
    yield "TR# Type & Details      Description          Ac Te Tr Repeat      #Scr Days/Date"
    yield "-" * 80
    for number, one in sorted(running.triggers.items()):
        repeat = "Continuous" if one.left is None else str(one.left)
        active, test = ("Y" if on else "N" for on in (one.active, one.test))
        yield (
            f"{number:03} {describe_type(one):<19} {one.description[:20]:<20} {active}  {test}  Y {repeat:<11} "
            f"{len(one.scripts):<4} smtwtfs"
        )


def show_trigger(running: Configuration, number: int) -> Iterator[str]:
    """Yield `show trigger NUMBER`."""
    if number not in running.triggers:
        message = f"% Trigger {number} does not exist"
        raise Refused(message)
    one = running.triggers[number]
    yield "Trigger Configuration Details"
    yield "-" * 60
    for name, value in {
        "Trigger": number,
        "Description": one.description,
        "Type and details": describe_type(one),
        "Days": "smtwtfs",
        "Active": "Yes" if one.active else "No",
        "Test": "Yes" if one.test else "No",
        "Trap": "Yes",
        "Repeat": "Continuous" if one.left is None else one.left,
        "Number of activations": one.activations,
        "Number of scripts": len(one.scripts),
    }.items():
        yield f"{name} {'.' * (28 - len(name))} {value}"
    yield from (f"  {place}. {one.scripts.get(place, '')}".rstrip() for place in range(1, 6))
    yield "-" * 60
