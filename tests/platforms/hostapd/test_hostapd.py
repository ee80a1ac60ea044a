"""Access points as text: written and read, from one state to another and back, refusals, conflicts, no secret."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import BeyondCapability, ConfigRefused, ProofFailed, TsunaguError
from controller.model.access.rules import SegmentFile
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Vlan, build_device_state
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.model.policy_files import SEGMENTS
from controller.model.sites.devices import Device
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.review import describe_changes
from controller.platforms.allied_telesis_awplus.driver import AlliedTelesisAwplus
from controller.platforms.base import Observation, refuse_conflicts
from controller.platforms.hostapd.driver import Hostapd
from controller.platforms.hostapd.text import MAIN, write_header
from controller.platforms.hostapd.text import SECRET as MARK
from tests.emulators.hostapd import HEAD, AccessPoint
from tests.platforms.hostapd.networks import network_states
from tests.soak import examples

HOSTAPD = Hostapd()
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def device(city: City) -> Device:
    return next(one for one in city.list_devices(city.school_by_id["as-e04"]) if one.role == "access-point")


@pytest.fixture
def intent(city: City, device: Device) -> DeviceIntent:
    return compile_device(city, device, HOSTAPD.capabilities)


@pytest.fixture
def text(intent: DeviceIntent) -> str:
    return HOSTAPD.render(intent.wanted)


@settings(max_examples=examples(12), deadline=None)
@given(network_states(), network_states())
def test_there_and_back(first: DeviceState, second: DeviceState) -> None:
    """What is not ours stays as it is; the secret is in nothing that is sent."""
    point = AccessPoint()
    before = point.text()
    now = build_device_state()
    for wanted in (first, second, first, build_device_state()):
        restarts = point.restarts
        for step in HOSTAPD.plan_steps(now, wanted):
            for command in step.commands:
                point.run(command)
            assert HOSTAPD.parse(point.text(), step.title).state == step.result
        seen = HOSTAPD.parse(point.text(), "wanted")
        assert seen.state == wanted
        assert [line.text for line in seen.unmanaged] == HEAD.splitlines()
        assert point.restarts == restarts + (now != wanted)
        now = wanted
    assert point.text() == before
    assert not HOSTAPD.plan_steps(first, first)


def test_the_text_of_an_access_point(text: str) -> None:
    """`UPDATE_GOLDEN=1 pytest ...` writes it anew; read what changed."""
    golden = GOLDEN / "hostapd.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert text.count(f"auth_server_shared_secret={MARK}\n") == 4


def test_every_line_of_ours_counts(text: str) -> None:
    """Without any one line, or with it twice, the file is refused or means something else."""
    wanted = HOSTAPD.parse(text, "x").state
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if not line.strip() or line == write_header(MAIN) + "\n":
            continue
        twice = [] if line.startswith("==> ") else [lines[: number + 1] + lines[number:]]
        for changed in (lines[:number] + lines[number + 1 :], *twice):
            try:
                found: Observation | None = HOSTAPD.parse("".join(changed), "x")
            except ConfigRefused:
                found = None
            assert found is None or found.state != wanted, line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ap_isolate=1\n", "ap_isolate=yes\n", "ap_isolate='yes' is not as we write it"),
        ("wpa_key_mgmt=OWE\n", "wpa_key_mgmt=WPA-PSK\n", "wpa_key_mgmt=WPA-PSK; ours have one of: OWE, WPA-EAP-SHA256"),
        ("wpa_key_mgmt=OWE\n", "wpa_key_mgmt=NONE\n", "wpa_key_mgmt=NONE; ours have one of"),
        ("ieee80211w=2\n", "ieee80211w=1\n", "ieee80211w=1; ours have ieee80211w=2"),
        ("rsn_pairwise=CCMP\n", "rsn_pairwise=CCMP TKIP\n", "ours have rsn_pairwise=CCMP"),
        ("dynamic_vlan=2\n", "dynamic_vlan=1\n", "dynamic_vlan=1; ours have dynamic_vlan=2"),
        ("ap_isolate=1\n", "ap_isolate=1\nwpa_psk=00\n", "unknown setting 'wpa_psk' in tsn-40, a network of ours"),
        ("ap_isolate=1\n", "ap_isolate=1\n ap_isolate=0\n", "unknown setting ' ap_isolate' in tsn-40"),
        ("ap_isolate=1\n", "ap_isolate=1\nap_isolate=0\n", "'ap_isolate' stands in line 4 already"),
        ("ap_isolate=1\n", "", "tsn-40 has no 'ap_isolate'; without it hostapd takes a default that is not ours"),
        ("bridge=breth1.40\n", "bridge=breth1.10\n", "belong into a bridge br<port>.40, not 'breth1.10'"),
        ("bss=tsn-40\n", "bss=tsn-040\n", "a network of ours is named tsn-VLAN, 1 to 4094"),
        ("bss=tsn-40\n", "bss=tsn-4095\n", "a network of ours is named tsn-VLAN, 1 to 4094"),
        ("\n20 tsn-20.20\n", "\n10 tsn-20.20\n", "/etc/hostapd/tsn-20.vlan must hold exactly '20 tsn-20.20'"),
        ("\n20 tsn-20.20\n", "\n20 tsn-20.20\n* tsn-20.#\n", "must hold exactly '20 tsn-20.20'"),
        ("\n20 tsn-20.20\n", "\n", "tsn-20.vlan is empty, or not in this text"),
        ("==> /etc/hostapd/tsn-20.vlan <==\n20 tsn-20.20\n", "", "or not in this text, so nobody knows which VLANs"),
        (
            "vlan_file=/etc/hostapd/tsn-20.vlan\n",
            "vlan_file=/etc/hostapd/all\n",
            "stand in /etc/hostapd/tsn-20.vlan, not",
        ),
        ("auth_server_port=1812\n", "auth_server_port=1645\n", "port 1645; the admission servers listen at 1812"),
        ("auth_server_port=1812\n", "", "'auth_server_shared_secret' stands where 'auth_server_port' must"),
        ("auth_server_addr=10.254.3.10\n", "auth_server_addr=radius\n", "'radius' is no address of a server"),
        (f"auth_server_shared_secret={MARK}\n", "auth_server_shared_secret=\n", "the server's secret is empty"),
        ("nas_identifier=as-e04-ap1/tsn-20\n", "nas_identifier=ap\n", "is not the access point's name and /tsn-20"),
        ("ssid=school-guest\n", "ssid=school-guest \n", "ssid='school-guest ' is not as we write it"),
        ("ssid=school-guest\n", "ssid=school-pupil\n", "the SSID 'school-pupil' stands in line 3 already"),
        ("bss=tsn-10\n", "bss=tsn-20\n", "tsn-20"),
    ],
)
def test_what_is_not_ours_inside_what_is_ours_is_refused(text: str, old: str, new: str, expected: str) -> None:
    assert old in text
    with pytest.raises(ConfigRefused) as refused:
        HOSTAPD.parse(text.replace(old, new, 1), "ap.cfg")
    assert expected in str(refused.value)
    assert "ap.cfg:" in str(refused.value)


def test_a_file_of_ours_that_no_network_names_is_refused(text: str) -> None:
    with pytest.raises(ConfigRefused, match=r"/etc/hostapd/tsn-99.vlan bears a name of ours"):
        HOSTAPD.parse(f"{text}\n==> /etc/hostapd/tsn-99.vlan <==\n99 tsn-99.99\n", "x")


def test_a_file_that_stands_twice_is_refused(text: str) -> None:
    """Which of the two the access point has, nobody could say."""
    with pytest.raises(ConfigRefused, match=r"x:\d+: the file /etc/hostapd/hostapd.conf stands twice"):
        HOSTAPD.parse(f"{text}\n{text}", "x")


def test_what_is_of_others_is_left_alone_and_counted(text: str, intent: DeviceIntent) -> None:
    ours = text.removeprefix("==> /etc/hostapd/hostapd.conf <==\n")
    club = "bss=club\nssid=club\nwpa=2\nwpa_passphrase=nobody knows\n"
    whole = f"==> /etc/hostapd/hostapd.conf <==\n# radio\n{HEAD}{club}{ours}"
    seen = HOSTAPD.parse(whole, "x")
    assert seen.state == intent.wanted
    assert [line.text for line in seen.unmanaged] == (HEAD + club).splitlines()
    refuse_conflicts(seen, intent.wanted, "x")


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("ssid=school-pupil\n", "x:10: conflict: network 'school-pupil' must stand where 'ssid=school-pupil' is"),
        ("ssid=a\nbridge=breth1.20\n", "x:11: conflict: network 'school-pupil' in VLAN 20 must stand where"),
    ],
)
def test_a_network_of_others_where_ours_must_stand(intent: DeviceIntent, theirs: str, expected: str) -> None:
    """One of the same name would catch the pupils' devices; one in the same VLAN would pass 802.1X by."""
    seen = HOSTAPD.parse(f"{HEAD}bss=club\n{theirs}", "x")
    with pytest.raises(ConfigRefused) as refused:
        refuse_conflicts(seen, intent.wanted, "x")
    assert expected in str(refused.value)


def test_a_network_of_others_may_not_use_a_file_of_ours(text: str) -> None:
    with pytest.raises(ConfigRefused, match=r"tsn-20.vlan is ours, and a network of others uses it"):
        HOSTAPD.parse(text.replace("bss=tsn-40\n", "bss=x\nvlan_file=/etc/hostapd/tsn-20.vlan\nbss=tsn-40\n"), "x")


def network(**changes: object) -> WirelessNetwork:
    made = WirelessNetwork("a", 10, Protection.WPA3_ENTERPRISE, False, "eth1", "ap1", ("10.0.0.1",))  # noqa: FBT003
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (build_device_state(vlans=[Vlan(10, "TSN-staff")]), "hostapd has no VLAN database"),
        (build_device_state(networks=[network(ssid="a\nwpa=0")]), "an SSID has 1 to 32 printable"),
        (build_device_state(networks=[network(ssid="")]), "an SSID has 1 to 32 printable"),
        (build_device_state(networks=[network(vlan=4095)]), "VLAN 4095 is none of 1 to 4094"),
        (build_device_state(networks=[network(uplink="ethernet12")]), "is no name of a wired port"),
        (build_device_state(networks=[network(servers=())]), "wpa3-enterprise needs admission servers"),
        (build_device_state(networks=[network(identity="a b")]), "and a name for the access point"),
        (build_device_state(networks=[network(protection=Protection.ENHANCED_OPEN)]), "asks no admission server"),
        (build_device_state(networks=[network(), network(vlan=20)]), "SSID 'a' stands in two networks"),
        (build_device_state(networks=[network(), network(ssid="b")]), "VLAN '10' stands in two networks"),
    ],
)
def test_what_hostapd_cannot_hold(state: DeviceState, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        HOSTAPD.render(state)
    with pytest.raises(ValueError, match=expected):
        HOSTAPD.plan_steps(build_device_state(), state)


def test_a_switch_holds_no_networks(city: City, device: Device) -> None:
    with pytest.raises(BeyondCapability, match=r"as-e04-ap1: the blueprint gives it .* \(capability 'wireless'\)"):
        compile_device(city, device, AlliedTelesisAwplus.capabilities)


def test_an_isolated_segment_without_client_isolation_is_refused(city: City, device: Device) -> None:
    can = replace(HOSTAPD.capabilities, isolates=False)
    with pytest.raises(BeyondCapability, match=r"'school-pupil' carries the isolated segment pupil, .* 'isolates'"):
        compile_device(city, device, can)
    segments = {name: one.model_copy(update={"isolated": False}) for name, one in city.segments.items()}
    assert compile_device(
        city.replace_file(SEGMENTS, SegmentFile(segments=tuple(segments.values()))), device, can
    ).wanted.networks


class Mistaken(Hostapd):
    """A renderer that writes another network than it is given."""

    def __init__(self, network: str, /, **changes: object) -> None:
        self._network, self._changes = network, changes

    def render(self, state: DeviceState) -> str:
        changed = (replace(one, **self._changes) if one.ssid == self._network else one for one in state.networks)  # type: ignore[arg-type]
        return super().render(build_device_state(networks=changed))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vlan": 11}, "puts its clients into VLAN 11; the policy says pupil, VLAN 20"),
        ({"isolated": False}, "lets its clients reach one another; the policy isolates segment pupil"),
        (
            {"protection": Protection.ENHANCED_OPEN, "servers": (), "identity": ""},
            "lets clients in by enhanced-open; the policy says wpa3-enterprise",
        ),
        ({"servers": ("10.254.9.9",)}, "asks 10.254.9.9 as as-e04-ap1; the policy says 10.254.3.10, 10.254.3.11 as"),
        ({"identity": "as-e04-ap2"}, "asks 10.254.3.10, 10.254.3.11 as as-e04-ap2; the policy says"),
        ({"uplink": "eth2"}, "leads to port eth2; the policy says eth1"),
        ({"ssid": "school-pupils"}, "'school-pupil' is wanted"),
        ({"ssid": "school-pupils"}, "'school-pupils' into VLAN 20 is in service, which the policy does not name"),
    ],
)
def test_a_mistake_of_the_renderer_is_found(
    city: City, intent: DeviceIntent, changes: dict[str, object], expected: str
) -> None:
    with pytest.raises(ProofFailed) as failed:
        prove_rendered_device(city, intent, Mistaken("school-pupil", **changes))
    assert expected in str(failed.value)
    assert "/city/blueprints.yaml:" in str(failed.value) or "does not name" in expected


def test_isolation_that_the_policy_does_not_ask_is_a_difference_too(city: City, intent: DeviceIntent) -> None:
    with pytest.raises(ProofFailed, match=r"'school-staff' keeps its clients from one another; the policy does not"):
        prove_rendered_device(city, intent, Mistaken("school-staff", isolated=True))


def test_a_renderer_that_forgets_the_file_is_refused_by_the_parser(city: City, intent: DeviceIntent) -> None:
    class Forgetful(Hostapd):
        def render(self, state: DeviceState) -> str:
            return super().render(state).partition("\n==> ")[0]

    with pytest.raises(TsunaguError, match=r"or not in this text"):
        prove_rendered_device(city, intent, Forgetful())


def test_networks_in_words(city: City, intent: DeviceIntent) -> None:
    names = {segment.vlan: segment.id for segment in city.segments.values()}
    asks = "asks 10.254.3.10, 10.254.3.11 as as-e04-ap1"
    assert describe_changes(names, build_device_state(), intent.wanted) == [
        "+ network 'school-guest' into guest on eth1, enhanced-open, clients isolated",
        f"+ network 'school-pupil' into pupil on eth1, wpa3-enterprise, clients isolated, {asks}",
        f"+ network 'school-staff' into staff on eth1, wpa3-enterprise, {asks}",
    ]
    assert describe_changes(names, intent.wanted, intent.wanted) == []
