"""A switch's namespace with its wires, and a namespace that all their other ends are in: packets as raw frames."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from controller.lab.network import kernel_settings
from controller.lab.network.data_plane.data_plane import DataPlane
from controller.lab.network.data_plane.port_wires import PortWire, find_vlan, pair_wires
from controller.lab.state.processes import wait_until
from controller.lab.virtual_switches.forwarding import Forwarding, SampledPacket
from controller.platforms.transport import namespace

SWITCH, AROUND = "tsn-plane-sw", "tsn-plane-hosts"
HOST_MAC = bytes.fromhex("025400000001")
ETHER = {4: 0x0800, 6: 0x86DD}
_ALL = 0x0003
_QUIET_SECONDS = 0.15


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Bench:
    """The switch and its surroundings. `sockets` are the other ends of its wires."""

    plane: DataPlane
    sockets: dict[str, socket.socket]
    wires: list[PortWire]

    def carry_out(self, forwarding: Forwarding) -> None:
        """Carry it out, and wait until the ports forward: the kernel opens a port a moment after its link is up."""
        self.plane.carry_out(forwarding)
        open_wires = {
            wire.interface
            for wire, port in pair_wires(self.wires, forwarding)
            if find_vlan(wire, port, forwarding.vlans) is not None
        }
        assert wait_until(lambda: open_wires <= list_forwarding_wires(), 5.0)

    def send(self, wire: str, packets: list[bytes]) -> None:
        for packet in packets:
            self.sockets[wire].send(packet)

    def receive(self, wire: str, least: int) -> set[int]:
        """The marks of what came out at a wire: waits for so many, then until nothing comes any more."""
        found: set[int] = set()
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            self.sockets[wire].settimeout(_QUIET_SECONDS if len(found) >= least else 1.0)
            try:
                frame, about = self.sockets[wire].recvfrom(4096)
            except TimeoutError:
                break
            if about[2] != socket.PACKET_OUTGOING and (mark := read_mark(frame)) is not None:
                found.add(mark)
        return found


@contextmanager
def build_bench(wires: list[PortWire]) -> Iterator[Bench]:
    made = [SWITCH, AROUND]
    sockets: dict[str, socket.socket] = {}
    for name in made:
        ip("netns", "add", name)
    try:
        kernel_settings.apply_namespace_settings(SWITCH, {**kernel_settings.EVERYWHERE, **kernel_settings.SWITCH})
        kernel_settings.apply_namespace_settings(AROUND, kernel_settings.SWITCH)
        for wire in wires:
            ip("link", "add", "name", wire.interface, "netns", SWITCH, "type", "veth", "peer", "name", wire.interface)
            ip("link", "set", wire.interface, "netns", AROUND)
            ip("-n", AROUND, "link", "set", wire.interface, "up")
            sockets[wire.interface] = namespace.run_in_namespace(AROUND, partial(open_raw, wire.interface))
        plane = DataPlane(SWITCH, wires)
        plane.start()
        yield Bench(plane, sockets, wires)
    finally:
        for one in sockets.values():
            one.close()
        for name in made:
            ip("netns", "del", name)


def list_forwarding_wires() -> set[str]:
    words = ("bridge", "-n", SWITCH, "-j", "link", "show")
    shown = json.loads(subprocess.run(words, check=True, capture_output=True).stdout or "[]")
    return {str(one["ifname"]) for one in shown if one.get("state") == "forwarding"}


def open_raw(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((interface, 0))
    return made


def write_frame(packet: SampledPacket, mark: int, to: bytes) -> bytes:
    """A frame with the packet, and a mark in its payload that it is known by on the other side."""
    payload = struct.pack("!4sI", b"MARK", mark)
    match packet.protocol:
        case 6:
            flags = 0x10 if packet.established else 0x02
            ports = packet.source_port, packet.destination_port
            layer4 = struct.pack("!HHIIBBHHH", *ports, 0, 0, 5 << 4, flags, 64, 0, 0)
        case 17:
            layer4 = struct.pack("!HHHH", packet.source_port, packet.destination_port, 8 + len(payload), 0)
        case 1 | 58:
            layer4 = struct.pack("!BBHI", packet.destination_port, packet.source_port, 0, 0)
        case _:
            layer4 = b""
    data = layer4 + payload
    if packet.family == 4:
        addresses = IPv4Address(packet.source).packed + IPv4Address(packet.destination).packed
        words = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, packet.protocol, 0) + addresses
        head = words[:10] + struct.pack("!H", checksum(words)) + words[12:]
    else:
        addresses = IPv6Address(packet.source).packed + IPv6Address(packet.destination).packed
        head = struct.pack("!IHBB", 6 << 28, len(data), packet.protocol, 64) + addresses
    return to + HOST_MAC + struct.pack("!H", ETHER[packet.family]) + head + data


def checksum(words: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def read_mark(frame: bytes) -> int | None:
    before, found, after = frame.rpartition(b"MARK")
    return int.from_bytes(after[:4], "big") if found and before else None
