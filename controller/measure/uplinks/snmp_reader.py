"""Reads a device's port counters by SNMPv3, with authentication and privacy (RFC 2863's 64-bit counters)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC384_SHA512,
    USM_PRIV_CFB128_AES,
    USM_PRIV_CFB256_AES,
    ContextData,
    ObjectIdentity,
    ObjectType,
    OctetString,
    SnmpEngine,
    Udp6TransportTarget,
    UdpTransportTarget,
    UsmUserData,
    bulk_cmd,
    get_cmd,
)

from controller.errors import TsunaguError
from controller.measure.uplinks.port_counters import PortCounters

LEAST_PASSPHRASE = 8
_LONGEST_USER = 32
_HASHES = {"sha1": USM_AUTH_HMAC96_SHA, "sha256": USM_AUTH_HMAC192_SHA256, "sha512": USM_AUTH_HMAC384_SHA512}
_CIPHERS = {"aes128": USM_PRIV_CFB128_AES, "aes256": USM_PRIV_CFB256_AES}
_IF_TABLE, _IF_X_TABLE = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
_NAMES = (f"{_IF_X_TABLE}.1", f"{_IF_TABLE}.2")
"""ifName, ifDescr: of a port one of them is what the policy calls it."""
_UPTIME = "1.3.6.1.2.1.1.3.0"
_COLUMNS = {
    "octets_in": f"{_IF_X_TABLE}.6",
    "octets_out": f"{_IF_X_TABLE}.10",
    "speed": f"{_IF_X_TABLE}.15",
    "discontinuity": f"{_IF_X_TABLE}.19",
    "discards_in": f"{_IF_TABLE}.13",
    "errors_in": f"{_IF_TABLE}.14",
    "discards_out": f"{_IF_TABLE}.19",
    "errors_out": f"{_IF_TABLE}.20",
}
_NEEDED = ("uptime", "octets_in", "octets_out")
"""Without these there is no rate; what else a device does not count is 0."""
_MBIT = 1_000_000
_AT_ONCE = 20
_MOST_PORTS = 2_000
_LONGEST_NAME = 255
_MOST_SECONDS = 120.0
"""Of all questions to one device: one that answers each of them late would hold up all others."""


class CountersUnread(TsunaguError):
    """A device's counters that cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SnmpUser:
    """Who asks; the passphrases are in no text of it."""

    name: str
    authentication: str = field(repr=False)
    privacy: str = field(repr=False)
    hash: str = "sha256"
    cipher: str = "aes128"


@dataclass(frozen=True, slots=True)
class SnmpAgent:
    """Where a device answers SNMP."""

    device: str
    address: str
    port: int = 161
    timeout: float = 2.0


def read_port_counters(agent: SnmpAgent, user: SnmpUser, ports: Sequence[str]) -> dict[str, PortCounters]:
    """The counters of some ports, by the names that they were asked by.

    Raises:
        CountersUnread: nobody answers, the user is not known there, or a port is not.
    """
    _check_user(agent, user)
    try:
        return asyncio.run(_read_ports(agent, user, ports))
    except TimeoutError:
        message = f"{agent.device}: answers too slowly by SNMP: not all was said in {_MOST_SECONDS:g} s; try it later"
        raise CountersUnread(message) from None
    except (PySnmpError, OSError) as error:
        raise CountersUnread(_explain(agent, str(error))) from None


def _check_user(agent: SnmpAgent, user: SnmpUser) -> None:
    """Refuse what SNMP cannot say: what is made of it would fail with the passphrase in hand."""
    phrases = (user.authentication, user.privacy)
    if min(map(len, phrases)) < LEAST_PASSPHRASE or not all(map(str.isascii, phrases)):
        message = f"{agent.device}: a passphrase of SNMPv3 has at least {LEAST_PASSPHRASE} characters, of ASCII alone"
        raise CountersUnread(message)
    if len(user.name) > _LONGEST_USER:
        message = f"{agent.device}: the name of a user of SNMPv3 has at most {_LONGEST_USER} characters"
        raise CountersUnread(message)


async def _read_ports(agent: SnmpAgent, user: SnmpUser, ports: Sequence[str]) -> dict[str, PortCounters]:
    # What comes and is no SNMP raises in the loop: it is no answer, and anybody can send it. We wait for the real one.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    kind = Udp6TransportTarget if ":" in agent.address else UdpTransportTarget
    target = await kind.create((agent.address, agent.port), timeout=agent.timeout, retries=1)
    engine = SnmpEngine()
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            asking = _Asking(engine, target, user, agent)
            numbers = await asking.find_numbers(ports)
            return {port: await asking.read_counters(number) for port, number in numbers.items()}
    finally:
        engine.close_dispatcher()


@dataclass(frozen=True)
class _Asking:
    """A conversation with one device."""

    engine: SnmpEngine
    target: UdpTransportTarget | Udp6TransportTarget
    user: SnmpUser
    agent: SnmpAgent

    @property
    def _login(self) -> UsmUserData:
        return UsmUserData(
            self.user.name,
            authKey=self.user.authentication,
            privKey=self.user.privacy,
            authProtocol=_HASHES[self.user.hash],
            privProtocol=_CIPHERS[self.user.cipher],
        )

    async def find_numbers(self, ports: Sequence[str]) -> dict[str, int]:
        """The device's own number of each port."""
        found: dict[str, int] = {}
        for column in _NAMES:
            async for number, name in self._walk(column):
                if name in ports:
                    found.setdefault(name, number)
            if found.keys() >= set(ports):
                return found
        missing = ", ".join(one for one in ports if one not in found)
        message = f"{self.agent.device}: has no port {missing} by SNMP (ifName, ifDescr); see the policy's port names"
        raise CountersUnread(message)

    async def read_counters(self, number: int) -> PortCounters:
        """A port's counters, all of them of one answer."""
        names = [_UPTIME, *(f"{column}.{number}" for column in _COLUMNS.values())]
        rows = await self._get(names)
        taken = time.monotonic()
        values = dict(zip(("uptime", *_COLUMNS), rows, strict=True))
        if any(values[name] is None for name in _NEEDED):
            message = f"{self.agent.device}: counts no 64-bit octets at this port (ifHCInOctets); update its software"
            raise CountersUnread(message)
        known = {name: value or 0 for name, value in values.items()}
        return PortCounters(taken=taken, **{**known, "speed": known["speed"] * _MBIT})

    async def _get(self, names: Sequence[str]) -> list[int | None]:
        wanted = [ObjectType(ObjectIdentity(one)) for one in names]
        said = await get_cmd(self.engine, self._login, self.target, ContextData(), *wanted, lookupMib=False)
        rows = self._check(said[0], said[1], said[3])
        if [str(name) for name, _ in rows] != list(names):
            message = f"{self.agent.device}: answers by SNMP what was not asked; update its software"
            raise CountersUnread(message)
        return [_read_number(value) for _, value in rows]

    async def _walk(self, column: str) -> AsyncIterator[tuple[int, str]]:
        at, prefix = column, f"{column}."
        for _ in range(_MOST_PORTS // _AT_ONCE):
            wanted = ObjectType(ObjectIdentity(at))
            said = await bulk_cmd(
                self.engine, self._login, self.target, ContextData(), 0, _AT_ONCE, wanted, lookupMib=False
            )
            rows = self._check(said[0], said[1], said[3])
            for name, value in rows:
                text = str(name)
                number = text.removeprefix(prefix)
                if not text.startswith(prefix) or not number.isdigit() or not isinstance(value, OctetString):
                    return
                at = text
                yield int(number), bytes(value)[:_LONGEST_NAME].decode("utf-8", "replace")
            if not rows:
                return

    def _check(self, broken: object, status: object, rows: Sequence[tuple[Any, Any]]) -> Sequence[tuple[Any, Any]]:
        if broken:
            raise CountersUnread(_explain(self.agent, str(broken)))
        if status:
            message = f"{self.agent.device}: refuses by SNMP ({status}); may the user read the interfaces' tables?"
            raise CountersUnread(message)
        return rows


def _read_number(value: object) -> int | None:
    """A counter; None where the device has none (`noSuchInstance`)."""
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]  # pysnmp's own numbers
    except (TypeError, ValueError):
        return None


def _explain(agent: SnmpAgent, said: str) -> str:
    where = f"{agent.device} ({agent.address} port {agent.port})"
    known: Mapping[str, str] = {
        "timeout": "no answer by SNMP: it is off there, this address may not ask, or the privacy passphrase is another",
        "Unknown USM user": "does not know the user; see snmp.user of its access in the operators' file",
        "Wrong SNMP PDU digest": "the passphrase for authentication, or the hash, is another one there",
        "Ciphering services not available": "the cipher is another one there",
    }
    for part, words in known.items():
        if part.lower() in said.lower():
            return f"{where}: {words}"
    return f"{where}: SNMP fails: {said[:200]}"


__all__ = ["CountersUnread", "SnmpAgent", "SnmpUser", "read_port_counters"]
