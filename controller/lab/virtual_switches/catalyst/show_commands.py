"""The commands that show something; their forms are those of ntc-templates' examples (tests/cisco_ios)."""

from __future__ import annotations

from collections.abc import Iterator

from controller.lab.virtual_switches.catalyst.configuration.running_config import (
    sort_interfaces,
    write_header,
    write_interface,
)
from controller.lab.virtual_switches.catalyst.configuration.state import Interface
from controller.lab.virtual_switches.catalyst.exec_commands import describe_minutes, on_exec
from controller.lab.virtual_switches.catalyst.grammar import Match, reject_unmodelled
from controller.lab.virtual_switches.catalyst.session import EXEC, USER_EXEC, Session
from controller.lab.virtual_switches.catalyst.words import RESERVED_VLANS
from controller.lab.virtual_switches.command_line import Answer
from controller.lab.virtual_switches.forwarding import write_dotted

_SHORT = {"TenGigabitEthernet": "Te", "TwentyFiveGigE": "Twe", "TwoGigabitEthernet": "Tw", "FiveGigabitEthernet": "Fi"}
_PORTS_COLUMN = 31
_REFUSED = (
    *(
        "show tech-support",
        "show logging",
        "show interfaces",
        "show ip (route|arp|protocols|ospf|nat|dhcp)",
        "show arp",
    ),
    *(
        "show cdp",
        "show lldp",
        "show inventory",
        "show spanning-tree",
        "show etherchannel",
        "show processes",
        "show ntp",
    ),
    *(
        "show authentication",
        "show power",
        "show environment",
        "show users",
        "show ssh",
        "show line",
        "show policy-map",
    ),
    *("show route-map", "show snmp", "show boot", "show file", "show history", "show archive (log|config)"),
)


for _pattern in _REFUSED:
    EXEC.refuse(_pattern)
    USER_EXEC.refuse(_pattern)


def shorten_interface_name(name: str) -> str:
    """Return the short name of an interface.

    >>> shorten_interface_name("GigabitEthernet1/0/1")
    'Gi1/0/1'
    """
    kind = name.rstrip("0123456789/")
    return _SHORT.get(kind, kind[:2]) + name[len(kind) :]


@on_exec("show running-config [all]")
def _show_running(session: Session, match: Match) -> Answer:
    if match.words[-1] == "all":
        reject_unmodelled("show running-config all")
    return Answer(tuple(session.device.show_running().splitlines()))


@on_exec("show running-config interface INTERFACE")
def _show_running_interface(session: Session, match: Match) -> Answer:
    known = session.device.configuration.interfaces.get(match.get_text("INTERFACE"))
    if known is None:
        return Answer(("% Invalid input detected at '^' marker.",))
    lines = [f"interface {known.name}", *(f" {line}" for line in write_interface(known)), "end", ""]
    return Answer((*write_header(session.device.configuration, lines)[:3], "!", *lines))


@on_exec("show startup-config")
def _show_startup(session: Session, match: Match) -> Answer:
    del match
    text = session.device.storage.startup
    if text is None:
        return Answer(("startup-config is not present",))
    used = f"Using {len(text.encode())} out of {session.device.model.nvram_bytes} bytes"
    return Answer((used, "!", *text.splitlines()))


@on_exec("show vlan [brief]", everybody=True)
def _show_vlan(session: Session, match: Match) -> Answer:
    lines = list(_list_vlans(session))
    if match.words[-1] != "brief":
        lines += ["", "VLAN Type  SAID       MTU   Parent RingNo BridgeNo Stp  BrdgMode Trans1 Trans2"]
        lines += ["---- ----- ---------- ----- ------ ------ -------- ---- -------- ------ ------"]
        for number in sorted({*session.device.database.vlans, *RESERVED_VLANS}):
            kind = "enet " if number not in RESERVED_VLANS else ("fddi ", "tr   ", "fdnet", "trnet")[number - 1002]
            lines.append(
                f"{number:<4} {kind} {100000 + number:<10} 1500  -      -      -        -    -        0      0"
            )
        lines += ["", "Remote SPAN VLANs", "-" * 78, "", "", "Primary Secondary Type              Ports"]
        lines += ["------- --------- ----------------- ------------------------------------------", ""]
    return Answer(tuple(lines))


def _list_vlans(session: Session) -> Iterator[str]:
    database = session.device.database
    yield ""
    yield "VLAN Name                             Status    Ports"
    yield "---- -------------------------------- --------- -------------------------------"
    for number in sorted({*database.vlans, *RESERVED_VLANS}):
        entry = database.vlans.get(number)
        if entry is None:
            yield f"{number:<4} {database.name_vlan(number):<32} act/unsup"
            continue
        status = ("sus" if entry.suspended else "act") + "/lshut" if entry.shut else ""
        status = status or ("suspended" if entry.suspended else "active")
        rows = _wrap_ports([shorten_interface_name(one.name) for one in _list_access_ports(session, number)])
        yield f"{number:<4} {database.name_vlan(number):<32} {status:<9} {rows[0]}".rstrip()
        for row in rows[1:]:
            yield " " * 48 + row


def _list_access_ports(session: Session, number: int) -> list[Interface]:
    return [
        one
        for one in sort_interfaces(session.device.configuration, session.device.model)
        if one.is_physical and one.switched and one.mode != "trunk" and one.channel is None
        if number in {one.access_vlan, one.voice_vlan}
    ]


def _wrap_ports(names: list[str]) -> list[str]:
    rows = [""]
    for name in names:
        longer = f"{rows[-1]}, {name}" if rows[-1] else name
        if len(longer) > _PORTS_COLUMN:
            rows.append(name)
        else:
            rows[-1] = longer
    return rows


@on_exec("show vtp status", everybody=True)
def _show_vtp(session: Session, match: Match) -> Answer:
    del match
    database = session.device.database
    count = len(database.vlans) + len(RESERVED_VLANS)
    return Answer(
        (
            "VTP Version capable             : 1 to 3",
            "VTP version running             : 1",
            f"VTP Domain Name                 : {database.domain}",
            "VTP Pruning Mode                : Disabled",
            "VTP Traps Generation            : Disabled",
            "Device ID                       : 0200.0000.0001",
            "Configuration last modified by 0.0.0.0 at 0-0-00 00:00:00",
            "",
            "Feature VLAN:",
            "--------------",
            f"VTP Operating Mode                : {database.mode.title()}",
            "Maximum VLANs supported locally   : 1005",
            f"Number of existing VLANs          : {count}",
            "Configuration Revision            : 0",
            "MD5 digest                        : 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00",
            "                                    0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00",
        )
    )


@on_exec("show archive")
def _show_archive(session: Session, match: Match) -> Answer:
    del match
    archive = session.device.configuration.archive
    if not archive.path:
        return Answer(("Archive feature not enabled",))
    known = session.device.list_archive()
    lines = [f"The maximum archive configurations allowed is {archive.maximum or 10}."]
    lines += [f"There are currently {len(known)} archive configurations saved."]
    lines += [f"The next archive file will be named {archive.path}-<timestamp>-{len(known)}", " Archive #  Name"]
    for place, name in enumerate(known, start=1):
        lines.append(f"   {place:<8} {name}{' <- Most Recent' if place == len(known) else ''}")
    return Answer(tuple(lines))


@on_exec("show archive config rollback timer")
def _show_revert(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    if not device.configuration.archive.path:
        return Answer(("%Turn config archive on before using Rollback Confirmed Change",))
    pending = device.pending_revert
    if pending is None:
        return Answer(("%No Rollback Confirmed Change pending",))
    return Answer(
        (
            f"Time configured(or reconfigured): {device.tell_time(pending.since)}",
            "Timer type: absolute timer",
            f"Timer value: {pending.minutes} min",
            f"User: {pending.user}",
        )
    )


@on_exec("show configuration lock")
def _show_lock(session: Session, match: Match) -> Answer:
    del match
    device, holder = session.device, session.device.lock_holder
    lines = ["Parser Configure Lock", "---------------------"]
    lines += [
        f"Owner PID         : {100 + holder.number if holder else -1}",
        f"User              : {holder.user if holder else 'unknown'}",
    ]
    lines += [f"TTY               : {holder.number + 1 if holder else -1}"]
    lines += [
        f"Type              : {'EXCLUSIVE' if holder else 'NO LOCK'}",
        f"State             : {'LOCKED' if holder else 'FREE'}",
    ]
    lines += [f"Lock Expose mode  : {device.configuration.exclusive or 'disabled'}"]
    return Answer(tuple(lines))


@on_exec("show version", everybody=True)
def _show_version(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    up = describe_minutes(device.clock() - device.booted).replace(" and ", ", ")
    return Answer(
        (
            f"Cisco IOS Software, Version {device.model.version} (virtual switch of Tsunagu)",
            "",
            f"{device.hostname} uptime is {up}",
            "System returned to ROM by reload",
            "",
            f"cisco {device.model.name} processor with a virtual amount of memory.",
            f"{len(device.model.ports)} Ethernet interfaces",
            f"{device.model.nvram_bytes // 1024}K bytes of non-volatile configuration memory.",
            "",
            "Configuration register is 0x102",
        )
    )


@on_exec("show clock", everybody=True)
def _show_clock(session: Session, match: Match) -> Answer:
    del match
    return Answer((f"*{session.device.tell_time()}",))


@on_exec("show privilege", everybody=True)
def _show_privilege(session: Session, match: Match) -> Answer:
    del match
    return Answer((f"Current privilege level is {15 if session.privileged else 1}",))


@on_exec("show ip interface brief", everybody=True)
def _show_interfaces_brief(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    forwarding = {f"Vlan{one.vlan}": one.up for one in device.get_forwarding().interfaces}
    lines = ["Interface              IP-Address      OK? Method Status                Protocol"]
    for one in sort_interfaces(device.configuration, device.model):
        address = str(one.address.ip) if one.address else "unassigned"
        status = "administratively down" if one.shut else "up"
        protocol = "up" if not one.shut and forwarding.get(one.name, True) else "down"
        lines.append(
            f"{one.name:<22} {address:<15} YES {'manual' if one.address else 'unset':<6} {status:<21} {protocol}"
        )
    return Answer(tuple(lines))


@on_exec("show interfaces status", everybody=True)
def _show_ports(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    lines = ["", "Port         Name               Status       Vlan       Duplex  Speed Type"]
    for one in sort_interfaces(device.configuration, device.model):
        if one.is_vlan or one.is_loopback:
            continue
        vlan = "trunk" if one.mode == "trunk" else str(one.access_vlan) if one.switched else "routed"
        status = "disabled" if one.shut else "connected"
        name = shorten_interface_name(one.name)
        lines.append(f"{name:<12} {one.description[:18]:<18} {status:<12} {vlan:<10} a-full  a-1000 virtual")
    return Answer(tuple(lines))


@on_exec("show mac address-table", everybody=True)
def _show_addresses(session: Session, match: Match) -> Answer:
    """Show the hosts that the data plane has learnt, and one of the switch's own addresses, as every model does."""
    del match
    head = ("          Mac Address Table", "-" * 43, "", "Vlan    Mac Address       Type        Ports")
    rows = [" All    0100.0ccc.cccc    STATIC      CPU"]
    rows += [
        f"{one.vlan:>4}    {write_dotted(one.mac)}    DYNAMIC     {shorten_interface_name(one.port)}"
        for one in sorted(session.device.list_learnt())
    ]
    total = f"Total Mac Addresses for this criterion: {len(rows)}"
    return Answer((*head, "----    -----------       --------    -----", *rows, total))


@on_exec("show access-lists [WORD]", "show ip access-lists [WORD]", "show ipv6 access-list [WORD]")
def _show_lists(session: Session, match: Match) -> Answer:
    """Show lists: without remarks, with numbers; the number of an IPv6 entry stands last."""
    wanted = match.values.get("WORD")
    families = {"ip": ("standard", "extended"), "ipv6": ("ipv6",)}.get(match.words[1], ("standard", "extended", "ipv6"))
    lines = []
    for one in session.device.configuration.lists.values():
        if one.kind not in families or wanted not in {None, one.name}:
            continue
        lines.append(
            f"IPv6 access list {one.name}" if one.kind == "ipv6" else f"{one.kind.title()} IP access list {one.name}"
        )
        for entry in one.rules:
            text = f"{entry.text} sequence {entry.number}" if one.kind == "ipv6" else f"{entry.number} {entry.text}"
            lines.append(f"    {text}")
    return Answer(tuple(lines))


@on_exec("show reload")
def _show_reload(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    if device.reload is None:
        return Answer(("No reload is scheduled.",))
    left = describe_minutes(device.reload.due - device.clock())
    return Answer((f"Reload scheduled for {device.tell_time(device.reload.due)} (in {left}) by {device.reload.user}",))


@on_exec("show flash", "show (flash:|bootflash:)", "dir", "dir WORD")
def _show_files(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    lines = ["Directory of flash:/", ""]
    for place, (name, text) in enumerate(device.storage.files.items(), start=1):
        size = len(text.encode())
        lines.append(f"{place:>5}  -rw- {size:>12}  {device.tell_time()[17:]} {name.removeprefix('flash:')}")
    return Answer((*lines, "", f"{device.model.flash_bytes} bytes total ({device.free_bytes} bytes free)"))
