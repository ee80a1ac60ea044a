"""Against net-snmp's own agent in a namespace: what it counts, who may ask, and what its restart is taken for."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC192_SHA256,
    USM_PRIV_CFB128_AES,
    ContextData,
    Integer32,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    set_cmd,
)

from controller.measure.uplinks.port_counters import NoRate, NoRateReason, PortCounters, compute_port_rate
from controller.measure.uplinks.snmp_reader import CountersUnread, SnmpAgent, SnmpUser, read_port_counters
from controller.platforms.transport.namespace import run_in_namespace
from tests.cli.running import here
from tests.measure.two_lines import ip, until
from tests.policies import SHIPPED

NAMESPACE = f"snmp-{os.getpid()}"
ROUTER = "10.33.10.10"
"""kw-s01's, in the policy."""
AUTHENTICATION, PRIVACY = "authentic-12", "private-1234"
USER = SnmpUser("tsunagu", AUTHENTICATION, PRIVACY)
AGENT = SnmpAgent("kw-s01-rt1", ROUTER, timeout=0.3)
_CACHE = "1.3.6.1.4.1.8072.1.5.3.1.2.1.3.6.1.2.1.2.2"
"""How long net-snmp gives the same counters again: 15 s, unless it is told otherwise."""
pytestmark = [pytest.mark.lab, pytest.mark.alone]


@dataclass
class Router:
    """A namespace with the lines' interfaces, and an SNMP agent that can be restarted."""

    folder: Path

    def read(self, user: SnmpUser = USER, agent: SnmpAgent = AGENT, port: str = "wan0") -> PortCounters:
        return run_in_namespace(NAMESPACE, lambda: read_port_counters(agent, user, [port]))[port]

    def send(self, count: int) -> None:
        """Send packets of 1,428 octets over the primary line."""

        def work() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
                for _ in range(count):
                    made.sendto(bytes(1_386), ("192.0.2.2", 9))

        run_in_namespace(NAMESPACE, work)

    @contextmanager
    def answering(self) -> Iterator[None]:
        words = ["ip", "netns", "exec", NAMESPACE, "snmpd", "-f", "-r", "-Lf", "/dev/null", "-C", "-c"]
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder / "kept")}
        with subprocess.Popen([*words, str(self.folder / "snmpd.conf")], env=environment) as running:
            try:
                until(self._answers)
                run_in_namespace(NAMESPACE, lambda: asyncio.run(forget_soon()))
                yield
            finally:
                running.terminate()

    def _answers(self) -> bool:
        try:
            return bool(self.read())
        except CountersUnread:
            return False


async def forget_soon() -> None:
    """Tell the agent to count anew each second."""
    engine = SnmpEngine()
    login = UsmUserData(
        "keeper",
        authKey=AUTHENTICATION,
        privKey=PRIVACY,
        authProtocol=USM_AUTH_HMAC192_SHA256,
        privProtocol=USM_PRIV_CFB128_AES,
    )
    target = await UdpTransportTarget.create((ROUTER, 161), timeout=1, retries=1)
    wanted = ObjectType(ObjectIdentity(_CACHE), Integer32(1))
    broken, status, *_ = await set_cmd(engine, login, target, ContextData(), wanted, lookupMib=False)
    engine.close_dispatcher()
    assert not broken
    assert not status


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    folder = tmp_path_factory.mktemp("snmpd")
    users = "".join(
        f'createUser {name} SHA-256 "{AUTHENTICATION}" AES "{PRIVACY}"\n{access} {name} priv\n'
        for name, access in (("tsunagu", "rouser"), ("keeper", "rwuser"))
    )
    (folder / "snmpd.conf").write_text(f"agentAddress udp:{ROUTER}:161\n{users}", "ascii")
    ip("netns", "add", NAMESPACE)
    try:
        inside = ("-n", NAMESPACE)
        for number, name in enumerate(("wan0", "wan1")):
            ip(*inside, "link", "add", name, "type", "veth", "peer", "name", f"far{number}")
            for end in (name, f"far{number}"):
                ip(*inside, "link", "set", end, "up")
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "addr", "add", f"{ROUTER}/32", "dev", "lo")
        ip(*inside, "addr", "add", "192.0.2.1/24", "dev", "wan0")
        ip(*inside, "neigh", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", "wan0")
        yield Router(folder)
    finally:
        ip("netns", "del", NAMESPACE)


def test_what_it_counts_is_what_was_sent_and_a_restart_gives_no_figure(router: Router) -> None:
    with router.answering():
        first = router.read()
        router.send(1_000)
        until(lambda: (now := router.read()).octets_out > first.octets_out and now.taken > first.taken + 1)
        second = router.read()
        assert 1_428_000 <= second.octets_out - first.octets_out < 1_450_000
        assert second.speed == 10_000_000_000
        rate = compute_port_rate(first, second)
        assert rate.bits_out == pytest.approx(8 * (second.octets_out - first.octets_out) / rate.seconds)
        assert (rate.lost_in, rate.lost_out) == (0, 0)
        for user in (
            SnmpUser("nobody", AUTHENTICATION, PRIVACY),
            SnmpUser("tsunagu", "another-word", PRIVACY),
            SnmpUser("tsunagu", AUTHENTICATION, "another-word"),
        ):
            with pytest.raises(CountersUnread, match=r"does not know the user|passphrase"):
                router.read(user)
        with pytest.raises(CountersUnread, match="has no port wan9"):
            router.read(port="wan9")
    with pytest.raises(CountersUnread, match="no answer by SNMP"):
        router.read()
    with router.answering():
        with pytest.raises(NoRate) as none:
            compute_port_rate(second, router.read())
        assert none.value.reason in (NoRateReason.RESTARTED, NoRateReason.CLOCK)


def test_the_command_tells_what_the_lines_carry_and_what_it_could_not_read(
    router: Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("authentication", AUTHENTICATION), ("privacy", PRIVACY), ("key", "x"), ("hosts", "")):
        (tmp_path / name).write_text(text, "ascii")
        (tmp_path / name).chmod(0o600)
    secrets = f"authentication: {{file: {tmp_path}/authentication}}, privacy: {{file: {tmp_path}/privacy}}"
    (tmp_path / "operations.yaml").write_text(
        f"format: 1\naccess:\n  switches:\n    user: net\n    key: {{file: {tmp_path}/key}}\n"
        f"    known-hosts: {tmp_path}/hosts\n    namespace: {NAMESPACE}\n    snmp: {{user: tsunagu, {secrets}}}\n",
        "utf-8",
    )
    (tmp_path / "operations.yaml").chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(tmp_path / "operations.yaml"))

    def wait(seconds: float) -> None:
        assert seconds == 5
        before = router.read().octets_out
        router.send(2_000)
        until(lambda: router.read().octets_out > before)

    monkeypatch.setattr("controller.cli.measurement.uplinks.wait_between", wait)
    with router.answering():
        done = here(
            *("measure", "uplinks", "--school", "kw-s01", "--seconds", "5", "--json", "--policies", str(SHIPPED)),
            cwd=SHIPPED.parent,
        )
    assert done.code == 1
    assert done.errors == ""
    found = {one["uplink"]: one for one in json.loads(done.said)["uplinks"]}
    assert found["primary"]["upload_mbps"] > 1
    assert found["backup"]["upload_mbps"] < 0.1
    assert "no answer by SNMP" in found["lan"]["reason"]
    assert AUTHENTICATION not in done.said + done.errors
    assert PRIVACY not in done.said + done.errors
