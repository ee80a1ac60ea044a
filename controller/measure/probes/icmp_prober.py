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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.measure.measurement import LinePath
from controller.measure.probes.probe_path import PlaceGone, ProbePath
from controller.model.network.packets import Family

_REQUEST = {Family.V4: 8, Family.V6: 128}
_REPLY = {Family.V4: 0, Family.V6: 129}
"""ICMP types (RFC 792, RFC 4443)."""
_HEAD = struct.Struct("!BBHHH")
_PROTOCOL = {Family.V4: socket.IPPROTO_ICMP, Family.V6: socket.IPPROTO_ICMPV6}
_LARGEST = 1024
_MARK_BYTES = 8


@dataclass
class IcmpProber:
    """Sends rounds of echoes; keeps a socket a route, and makes it anew after a round that it did not answer.

    A socket lives in the place that it was made in; one of a city that was taken down would never answer again.
    """

    list_probe_paths: Sequence[ProbePath]
    _sockets: dict[LinePath, socket.socket] = field(default_factory=dict)
    _identity: int = field(default_factory=lambda: os.getpid() & 0xFFFF)
    _round: int = 0

    def probe_all(self, within: float) -> Mapping[LinePath, float | None]:
        """One round: the milliseconds that each route's answer took, or None if it had none within so many seconds.

        Raises:
            PlaceGone: which says nothing of its lines.
        """
        self._round = (self._round + 1) & 0xFFFF
        mark = secrets.token_bytes(_MARK_BYTES)
        sent = {route.path: at for route in self.list_probe_paths if (at := self._send(route, mark)) is not None}
        answers: dict[LinePath, float | None] = {route.path: None for route in self.list_probe_paths}
        for path, at in self._answers(set(sent), mark, time.perf_counter() + within):
            answers[path] = 1000 * (at - sent[path])
        for path, took in answers.items():
            if took is None and (opened := self._sockets.pop(path, None)) is not None:
                opened.close()
        return answers

    def close(self) -> None:
        """Close every socket."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()

    def _send(self, route: ProbePath, mark: bytes) -> float | None:
        """When it was sent, or None if it cannot be: a line that is down refuses at once."""
        try:
            if (opened := self._sockets.get(route.path)) is None:
                opened = self._sockets[route.path] = route.open_bound_socket(
                    socket.SOCK_RAW, _PROTOCOL[route.path.family]
                )
                opened.settimeout(0.0)
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

    def _answers(self, waiting: set[LinePath], mark: bytes, deadline: float) -> Iterator[tuple[LinePath, float]]:
        with selectors.DefaultSelector() as selector:
            for asked in waiting:
                selector.register(self._sockets[asked], selectors.EVENT_READ, asked)
            while waiting and (left := deadline - time.perf_counter()) > 0:
                for key, _ in selector.select(left):
                    at = time.perf_counter()
                    path: LinePath = key.data
                    if self._is_answer(self._sockets[path], path.family, mark) and path in waiting:
                        waiting.discard(path)
                        yield path, at

    def _is_answer(self, opened: socket.socket, family: Family, mark: bytes) -> bool:
        try:
            packet = opened.recv(_LARGEST)
        except OSError:
            return False  # an error that a router sent: no answer; the round's end makes the socket anew
        if family is Family.V4:
            packet = packet[4 * (packet[0] & 0xF) :]  # raw IPv4 sockets give the header, too
        if len(packet) < _HEAD.size + _MARK_BYTES:
            return False
        kind, _, _, identity, number = _HEAD.unpack_from(packet)
        mine = (kind, identity, number) == (_REPLY[family], self._identity, self._round)
        return mine and packet[_HEAD.size :] == mark


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(int(word) for word in struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
