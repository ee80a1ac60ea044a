from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from controller.errors import CommandFailed, LabError
from controller.lab import lifecycle as virtual_city
from controller.lab.lab_operations import build_lab_operations
from controller.lab.lab_status import read_lab_status
from controller.lab.network import ovs_switches
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import HostLayout, Layout, SchoolLayout
from controller.lab.state.processes import is_alive, kill_process, wait_until
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.transport import namespace
from controller.platforms.transport.ssh_session import open_session
from tests.conftest import SharedLab

pytestmark = pytest.mark.lab


def hosts(layout: Layout) -> Iterator[tuple[SchoolLayout, HostLayout]]:
    return ((school, host) for school in layout.schools for host in school.hosts)


def answer(host: HostLayout, address: str, port: int) -> list[str]:
    with namespace.open_connection(host.namespace, address, port, 5.0) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        text = b""
        while more := opened.recv(4096):
            text += more
    body: dict[str, list[str]] = json.loads(text.partition(b"\r\n\r\n")[2])
    return body["applications"]


def switch(city: City, school: SchoolLayout) -> Device:
    return city.list_devices(city.school_by_id[school.id])[0]


def test_hosts_reach_their_gateways(untouched_lab: Layout) -> None:
    for _, host in hosts(untouched_lab):
        for family in Family:
            words = ["ping", "-c", "1", "-W", "2", host.interface.gateway.of(family)]
            subprocess.run(["ip", "netns", "exec", host.namespace, *words], check=True, capture_output=True)


def test_with_factory_switches_hosts_reach_every_application(untouched_lab: Layout) -> None:
    for _, host in hosts(untouched_lab):
        for listener in untouched_lab.listeners:
            assert answer(host, listener.address, listener.port) == list(listener.applications)


@pytest.mark.parametrize("changing", [False, True])
def test_the_controller_logs_in_with_key_and_pinned_host_key(
    city: City, untouched_lab: Layout, *, changing: bool
) -> None:
    for school in untouched_lab.schools:
        device = switch(city, school)
        with open_session(device, build_lab_operations().access[device.access], "linux", changing=changing) as session:
            said = session.run(Command("read")).reveal()
        ports = said.partition("# ports\n")[2].partition("# flows\n")[0].splitlines()
        assert sorted(line.split(",")[0] for line in ports) == sorted(port.name for port in school.ports)


@pytest.mark.parametrize(
    "line", ["id", "sh -c id", "sh -c 'id' frr_router x", "read; id", "read $(id)", "read\nid", ""]
)
def test_a_login_has_no_shell(city: City, untouched_lab: Layout, line: str) -> None:
    device = switch(city, untouched_lab.schools[0])
    with (
        open_session(device, build_lab_operations().access[device.access], "linux", changing=True) as session,
        pytest.raises(CommandFailed) as refused,
    ):
        session.run(Command(line))
    assert "uid=" not in str(refused.value)


def test_the_key_that_reads_changes_nothing(city: City, untouched_lab: Layout) -> None:
    device = switch(city, untouched_lab.schools[0])
    access = build_lab_operations().access[device.access]
    with (
        open_session(device, access, "linux") as session,
        pytest.raises(CommandFailed, match="this access can only read"),
    ):
        session.run(Command("lock plan run 60"))


@pytest.fixture
def put_back(untouched_lab: Layout, shared_lab: SharedLab) -> Iterator[Layout]:
    """A lab of factory-new switches; the first one boots as it was built once a test has changed it."""
    school = untouched_lab.schools[0]
    boot = paths.SwitchFiles(paths.STATE, school.id).own / "boot"
    whole, before = boot.read_bytes(), dump_flows(school)
    shared_lab.as_built = False  # should what follows fail
    yield untouched_lab
    boot.write_bytes(whole)
    virtual_city.restart_switch(school.id)
    shared_lab.as_built = dump_flows(school) == before


def dump_flows(school: SchoolLayout) -> str:
    return ovs_switches.run_ovs_ofctl(school, paths.STATE, "--names", "--no-stats", "dump-flows", ovs_switches.BRIDGE)


def test_a_switch_that_denies_everything_is_really_cut_off(put_back: Layout) -> None:
    """The kernel must not answer for the management address past Open vSwitch."""
    school = put_back.schools[0]
    assert wait_until(lambda: virtual_city.answers_login(put_back, school), 20.0)
    ovs_switches.run_ovs_ofctl(school, paths.STATE, "del-flows", ovs_switches.BRIDGE)
    for interface in (school.gateways[-1].port,):
        run = ["ip", "-n", school.router, "neigh", "flush", "dev", interface]
        subprocess.run(run, check=True, capture_output=True)
    for family in Family:
        with pytest.raises(OSError, match=r"timed out|host"):
            namespace.open_connection(paths.CONTROLLER, school.management.address.of(family), put_back.ssh_port, 1.0)
    assert wait_until(lambda: virtual_city.answers_login(put_back, put_back.schools[1]), 20.0)


def test_a_restarted_switch_comes_up_as_its_boot_file_says(put_back: Layout) -> None:
    school = put_back.schools[0]

    def state() -> tuple[str, str]:
        read = ovs_switches.run_switch_script(put_back, school, paths.STATE, "read")
        return read, dump_flows(school)

    ovs_switches.run_ovs_ofctl(
        school, paths.STATE, "add-flow", ovs_switches.BRIDGE, "cookie=7,priority=9,in_port=h-pupil,actions=drop"
    )
    ovs_switches.run_switch_script(put_back, school, paths.STATE, "save")
    before = state()
    old = undo_log.list_current_processes(paths.STATE)[school.id, ovs_switches.SWITCH]
    virtual_city.restart_switch(school.id)
    assert not is_alive(old)
    assert state() == before
    # The way there (its router asks for the address anew) is whole a moment after the switch is.
    assert wait_until(lambda: virtual_city.answers_login(put_back, school), 20.0)
    pupil = next(host for host in school.hosts if host.id == "pupil")
    with pytest.raises(OSError, match="timed out"):
        namespace.open_connection(pupil.namespace, put_back.listeners[0].address, put_back.listeners[0].port, 0.7)


def test_with_a_damaged_boot_file_the_switch_is_closed(put_back: Layout) -> None:
    school = put_back.schools[0]
    boot = paths.SwitchFiles(paths.STATE, school.id).own / "boot"
    boot.write_bytes(boot.read_bytes()[:-20])
    with pytest.raises(LabError, match="damaged"):
        virtual_city.restart_switch(school.id)
    flows = ovs_switches.run_ovs_ofctl(school, paths.STATE, "dump-flows", ovs_switches.BRIDGE)
    assert "actions=" not in flows
    for host in school.hosts:
        with pytest.raises(OSError, match=r"timed out|host"):
            namespace.open_connection(host.namespace, put_back.listeners[0].address, put_back.listeners[0].port, 0.7)
    user_sockets = paths.SwitchFiles(paths.STATE, school.id).runtime / "br0.mgmt"
    assert user_sockets.stat().st_mode & 0o060 == 0o060


def test_a_school_that_is_not_in_the_lab(lab: Layout) -> None:
    with pytest.raises(LabError, match=f"no school nowhere; it has: {lab.schools[0].id}"):
        virtual_city.restart_switch("nowhere")


def test_status_tells_what_is_dead(fresh_lab: Layout) -> None:
    assert read_lab_status().lives
    school = fresh_lab.schools[1]
    kill_process(undo_log.list_current_processes(paths.STATE)[school.id, ovs_switches.LOGIN])
    kill_process(undo_log.list_current_processes(paths.STATE)["", virtual_city.SERVICES])
    found = read_lab_status()
    assert not found.lives
    assert not found.services
    assert found.schools[0].lives
    assert not found.schools[1].programs[ovs_switches.LOGIN]
    assert found.schools[1].switch
    assert not found.schools[1].login
    virtual_city.restart_switch(school.id)
    assert read_lab_status().schools[1].lives


@pytest.mark.usefixtures("no_lab")
def test_status_without_a_lab() -> None:
    with pytest.raises(LabError, match="no lab is up"):
        read_lab_status()
