"""ICMP echoes over all paths side by side: who answers, how fast, how evenly; late answers count, too."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median

from controller.probe_agent.configuration import LightTests, ProbedPath
from controller.probe_agent.probing.bound_socket import open_bound_socket
from controller.probe_agent.problems import ProbeProblem

_REQUEST = {"ipv4": 8, "ipv6": 128}
_REPLY = {"ipv4": 0, "ipv6": 129}
_PROTOCOL = {"ipv4": socket.IPPROTO_ICMP, "ipv6": socket.IPPROTO_ICMPV6}
_HEADER = struct.Struct("!BBHHH")
_MARK_BYTES = 16
_MOST_BYTES = 2_048
_VERSION_4 = 4


@dataclass
class Echoes:
    """What a path answered: round trips in seconds by the number of the echo."""

    sent: int = 0
    times: dict[int, float] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """The share that got no answer."""
        return 1 - len(self.times) / self.sent if self.sent else 1.0

    @property
    def latency(self) -> float | None:
        """The median round trip in seconds; None without an answer."""
        return median(self.times.values()) if self.times else None

    @property
    def jitter(self) -> float | None:
        """How much a round trip differs from the next, on average; None of fewer than two."""
        found = [self.times[number] for number in sorted(self.times)]
        return fmean(abs(after - before) for before, after in pairwise(found)) if len(found) > 1 else None


def measure_echoes(paths: Sequence[ProbedPath], tests: LightTests) -> dict[ProbedPath, Echoes]:
    """Send each path its echoes, and wait for the last answers.

    Raises:
        ProbeProblem: this user may send no echoes.
    """
    found = {path: Echoes() for path in paths}
    mark = os.urandom(_MARK_BYTES)
    with selectors.DefaultSelector() as selector:
        sockets = {path: made for path in paths if (made := _open(path)) is not None}
        try:
            for path, made in sockets.items():
                selector.register(made, selectors.EVENT_READ, path)
            _exchange(selector, sockets, found, mark, tests)
        finally:
            for made in sockets.values():
                made.close()
    return found


def _exchange(
    selector: selectors.BaseSelector,
    sockets: Mapping[ProbedPath, socket.socket],
    found: dict[ProbedPath, Echoes],
    mark: bytes,
    tests: LightTests,
) -> None:
    sent_at: list[float] = []
    began = time.monotonic()
    end = began + (tests.echoes - 1) * tests.echo_every + tests.answer_within
    while (now := time.monotonic()) < end:
        if len(sent_at) < tests.echoes and now >= began + len(sent_at) * tests.echo_every:
            sent_at.append(now)
            for path, echoes in found.items():
                echoes.sent += 1  # also where nothing can leave: an echo that has no way gets no answer
                if path in sockets:
                    _send(sockets[path], path, len(sent_at) - 1, mark)
        if len(sent_at) == tests.echoes and all(len(found[path].times) == tests.echoes for path in sockets):
            break
        due = began + len(sent_at) * tests.echo_every if len(sent_at) < tests.echoes else end
        for key, _ in selector.select(max(0.0, due - time.monotonic())):
            path, made = key.data, sockets[key.data]
            _receive(made, path, mark, sent_at, found[path])


def _open(path: ProbedPath) -> socket.socket | None:
    """A socket for echoes that is connected to the path's target; None where the line has no way there."""
    denied: OSError | None = None
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            made = open_bound_socket(path, kind, _PROTOCOL[path.family])
        except PermissionError as error:
            denied = error
            continue
        except OSError:
            return None
        try:
            made.settimeout(0)
            made.connect((path.target, 0))
        except OSError:
            made.close()
            return None
        return made
    message = (
        f"echoes cannot be sent ({denied}); run the probe by its unit, or allow it: sysctl net.ipv4.ping_group_range"
    )
    raise ProbeProblem(message)


def _send(made: socket.socket, path: ProbedPath, number: int, mark: bytes) -> None:
    def build(checksum: int) -> bytes:
        return _HEADER.pack(_REQUEST[path.family], 0, checksum, os.getpid() & 0xFFFF, number) + mark

    try:
        made.send(build(_sum_up(build(0)) if path.family == "ipv4" else 0))
    except OSError:
        return  # it got no answer


def _receive(made: socket.socket, path: ProbedPath, mark: bytes, sent_at: Sequence[float], echoes: Echoes) -> None:
    try:
        packet = made.recv(_MOST_BYTES)
    except OSError:
        return  # a router says that there is no way
    now = time.monotonic()
    if path.family == "ipv4" and packet and packet[0] >> 4 == _VERSION_4:  # a raw socket gives the IP header, too
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) < _HEADER.size + _MARK_BYTES or packet[_HEADER.size :] != mark:
        return
    kind, _, _, _, number = _HEADER.unpack_from(packet)
    if kind == _REPLY[path.family] and number < len(sent_at):
        echoes.times.setdefault(number, now - sent_at[number])  # a duplicate comes later, and is not the line's time


def _sum_up(packet: bytes) -> int:
    """The checksum of the Internet (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
