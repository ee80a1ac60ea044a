"""Sends one ICMP echo over each of many probe paths at once, light enough for every second, and tells who answered.

`controller.measure.probes.ping_probe` measures a path with the program `ping`; a program a path and second would be
too much for a city. Both ask the same thing of the same neighbours.
"""

from __future__ import annotations

import os
import secrets
import selectors
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.measure.measurement import LinePath
from controller.measure.probes.probe_path import PlaceGone, ProbePath
from controller.model.network.packets import Family

GIVEN_UP_SECONDS = 10.0
"""An echo without an answer for so long is lost; one that comes before is late, and an answer."""
_REQUEST = {Family.V4: 8, Family.V6: 128}
_REPLY = {Family.V4: 0, Family.V6: 129}
"""ICMP types (RFC 792, RFC 4443)."""
_HEAD = struct.Struct("!BBHHH")
_PROTOCOL = {Family.V4: socket.IPPROTO_ICMP, Family.V6: socket.IPPROTO_ICMPV6}
_LARGEST = 1024
_MARK_BYTES = 8
_READ_AT_ONCE = 64
"""Packets that are read of a socket before it is closed."""
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class EchoRound:
    """What a round heard, in milliseconds: `answers` of its own echoes, `late` ones of earlier rounds.

    `lost` counts the echoes that were given up meanwhile, of whichever round; each echo is lost, late or answered once.
    """

    answers: Mapping[LinePath, float | None]
    late: Mapping[LinePath, Sequence[float]] = field(default_factory=dict)
    lost: Mapping[LinePath, int] = field(default_factory=dict)

    @property
    def fastest(self) -> dict[LinePath, float | None]:
        """The fastest answer that came over each path in this round, late ones too; None where nothing came at all.

        >>> near, far = path("kw-s01"), path("kw-s01", "backup")
        >>> list(EchoRound({near: None, far: 2.0}, late={near: [1900.0, 900.0]}).fastest.values())
        [900.0, 2.0]
        """
        return {
            path: min((one for one in (took, *self.late.get(path, ())) if one is not None), default=None)
            for path, took in self.answers.items()
        }


@dataclass(slots=True)
class _SentRound:
    """The echoes of a round that have no answer yet, and when each was sent."""

    mark: bytes
    sent: dict[LinePath, float] = field(default_factory=dict)


@dataclass
class IcmpProber:
    """Sends rounds of echoes; keeps a socket a route, and makes it anew after a round in which nothing came over it.

    A socket lives in the place that it was made in; one of a city that was taken down would never answer again.
    """

    probe_paths: Sequence[ProbePath]
    _sockets: dict[LinePath, socket.socket] = field(default_factory=dict)
    _silent: set[LinePath] = field(default_factory=set)
    _waiting: dict[int, _SentRound] = field(default_factory=dict)
    _identity: int = field(default_factory=lambda: os.getpid() & 0xFFFF)
    _round: int = 0

    def probe_all(self, within: float) -> EchoRound:
        """One round: the answers that came within so many seconds, to its own echoes and to those before.

        Raises:
            PlaceGone: which says nothing of its lines.
        """
        self._round = (self._round + 1) & 0xFFFF
        mine = self._waiting[self._round] = _SentRound(secrets.token_bytes(_MARK_BYTES))
        answers: dict[LinePath, float | None] = {route.path: None for route in self.probe_paths}
        late: dict[LinePath, list[float]] = {}
        lost: Counter[LinePath] = Counter()
        for route in self.probe_paths:
            for _, took in self._renew(route.path):
                late.setdefault(route.path, []).append(took)
            if (at := self._send(route, mine.mark)) is None:
                lost[route.path] += 1
            else:
                mine.sent[route.path] = at
        for path, number, took in self._answers(mine, time.perf_counter() + within):
            if number == self._round:
                answers[path] = took
            else:
                late.setdefault(path, []).append(took)
        self._silent = {path for path, took in answers.items() if took is None and path not in late}
        lost.update(self._give_up())
        return EchoRound(answers, late, lost)

    def forget_line(self, school: str, line: str) -> None:
        """Wait no more for the echoes that are on their way over a line: they say something else than the line."""
        for one in self._waiting.values():
            for path in [path for path in one.sent if (path.school, path.line) == (school, line)]:
                del one.sent[path]

    def close(self) -> None:
        """Close every socket."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()

    def _renew(self, path: LinePath) -> Iterator[tuple[int, float]]:
        """Close the socket of a path over which nothing came, and give what has come since the last look."""
        if path in self._silent and (opened := self._sockets.pop(path, None)) is not None:
            for _ in range(_READ_AT_ONCE):
                packet, at = _receive(opened)
                if packet is None:
                    break
                if (found := self._match(path, packet, at)) is not None:
                    yield found
            opened.close()

    def _send(self, route: ProbePath, mark: bytes) -> float | None:
        """When it was sent, or None if it cannot be: a line that is down refuses at once."""
        try:
            if (opened := self._sockets.get(route.path)) is None:
                opened = self._sockets[route.path] = route.open_bound_socket(
                    socket.SOCK_RAW, _PROTOCOL[route.path.family]
                )
                opened.settimeout(0.0)
                opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                opened.connect((route.target, 0))
            at = time.perf_counter()
            opened.send(self._request(route.path.family, mark))
        except FileNotFoundError as error:
            message = f"{route.path.school}: {error.strerror}"
            raise PlaceGone(message) from None
        except OSError:
            return None
        return at

    def _request(self, family: Family, mark: bytes) -> bytes:
        kind = _REQUEST[family]
        without = _HEAD.pack(kind, 0, 0, self._identity, self._round) + mark
        # The kernel puts in the checksum of ICMPv6, because it covers addresses; ours is for IPv4.
        return _HEAD.pack(kind, 0, _checksum(without), self._identity, self._round) + mark

    def _answers(self, mine: _SentRound, deadline: float) -> Iterator[tuple[LinePath, int, float]]:
        """Answers as they come, until the round's own have all come or its time is over."""
        expected = {path for one in self._waiting.values() for path in one.sent}
        with selectors.DefaultSelector() as selector:
            for asked in expected & self._sockets.keys():
                selector.register(self._sockets[asked], selectors.EVENT_READ, asked)
            while mine.sent and (left := deadline - time.perf_counter()) > 0:
                for key, _ in selector.select(left):
                    path: LinePath = key.data
                    # An error that a router sent is no answer; the round's end makes the socket anew.
                    packet, at = _receive(self._sockets[path])
                    if packet is not None and (found := self._match(path, packet, at)) is not None:
                        yield (path, *found)

    def _match(self, path: LinePath, packet: bytes, at: float) -> tuple[int, float] | None:
        """The round of the echo that a packet answers, and the milliseconds it took; None if it is none of ours."""
        if path.family is Family.V4:
            packet = packet[4 * (packet[0] & 0xF) :]  # raw IPv4 sockets give the header, too
        if len(packet) < _HEAD.size + _MARK_BYTES:
            return None
        kind, _, _, identity, number = _HEAD.unpack_from(packet)
        asked = self._waiting.get(number)
        if (kind, identity) != (_REPLY[path.family], self._identity) or asked is None:
            return None
        if packet[_HEAD.size :] != asked.mark or path not in asked.sent:
            return None
        return number, 1000 * max(0.0, at - asked.sent.pop(path))

    def _give_up(self) -> Counter[LinePath]:
        """The echoes that have waited too long for an answer; they are waited for no more."""
        oldest = time.perf_counter() - GIVEN_UP_SECONDS
        lost: Counter[LinePath] = Counter()
        for number, one in list(self._waiting.items()):
            for path in [path for path, at in one.sent.items() if at < oldest]:
                del one.sent[path]
                lost[path] += 1
            if not one.sent:
                del self._waiting[number]
        return lost


def _receive(opened: socket.socket) -> tuple[bytes | None, float]:
    """A packet and when the kernel took it in: it may have lain there since the round before."""
    try:
        packet, extra, _, _ = opened.recvmsg(_LARGEST, socket.CMSG_SPACE(_TIMESPEC.size))
    except OSError:
        return None, 0.0
    at = time.perf_counter()
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            waited = time.time() - (seconds + nanoseconds / 1e9)
            # A clock that was set meanwhile makes nonsense of it; then the moment of reading has to do.
            at -= waited if 0 <= waited <= _LONGEST_WAIT else 0.0
    return packet or None, at


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(int(word) for word in struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
