"""A change in words: every difference of two states is a line, and equal states are none."""

from __future__ import annotations

from controller.model.network.device_state import (
    DeviceState,
    Entry,
    Filter,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    VlanInterface,
    build_device_state,
    build_filter,
)
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.plan.review import describe_changes, describe_entry

NAMES = {10: "staff", 20: "pupil"}
STAFF = parse_prefix("10.1.0.0/22")
CLOUD = parse_prefix("203.0.113.10/32")
DENY = Entry(Effect.FORBID, Match(Family.V4, None, Family.V4.everything, Family.V4.everything), "default deny")
HTTPS = Entry(Effect.PERMIT, Match(Family.V4, Protocol.TCP, STAFF, CLOUD, destination_ports=(443, 443)), "staff-cloud")
ALSO = Entry(Effect.PERMIT, Match(Family.V4, Protocol.TCP, STAFF, CLOUD, destination_ports=(80, 89)), "plain")


def staff(*entries: Entry) -> Filter:
    return build_filter(10, Direction.FROM, Family.V4, [*entries, DENY])


def state(*filters: Filter, bound: Filter | str | None = None) -> DeviceState:
    bindings = [FilterBinding(*one.key, one.name) for one in filters]
    if bound is not None:
        name = bound if isinstance(bound, str) else bound.name
        bindings = [FilterBinding(10, Direction.FROM, Family.V4, name)]
    return build_device_state(filters=filters, bindings=bindings)


def test_equal_states_have_nothing_to_review() -> None:
    assert describe_changes(NAMES, state(staff(HTTPS)), state(staff(HTTPS))) == []


def test_wireless_networks() -> None:
    asked = WirelessNetwork(
        "staff",
        10,
        Protection.WPA3_ENTERPRISE,
        isolated=False,
        uplink="lan",
        identity="ap1",
        servers=("10.0.0.1", "10.0.0.2"),
    )
    guests = WirelessNetwork("guest", 90, Protection.ENHANCED_OPEN, isolated=True, uplink="lan")
    now, wanted = build_device_state(networks=[asked]), build_device_state(networks=[guests])
    assert describe_changes(NAMES, now, wanted) == [
        "- network 'staff' into staff on lan, wpa3-enterprise, asks 10.0.0.1, 10.0.0.2 as ap1",
        "+ network 'guest' into VLAN 90 on lan, enhanced-open, clients isolated",
    ]


def test_interfaces_of_a_switch_that_routes() -> None:
    first = VlanInterface(10, ("10.1.0.1/22",), ("10.9.0.1", "10.9.0.2"))
    second = VlanInterface(20, ("10.1.4.1/22", "2001:db8::1/64"))
    kept = VlanInterface(30, ("10.1.8.1/22",))
    now, wanted = build_device_state(interfaces=[first, kept]), build_device_state(interfaces=[second, kept])
    assert describe_changes(NAMES, now, wanted) == [
        "- interface in vlan 10 10.1.0.1/22 relays to 10.9.0.1, 10.9.0.2",
        "+ interface in vlan 20 10.1.4.1/22, 2001:db8::1/64",
    ]


def test_vlans_and_ports() -> None:
    now = build_device_state([Vlan(10, "TSN-staff")], [PortState("1", PortMode.ACCESS, (10,), PortRole.HOST_FACING)])
    wanted = build_device_state(
        [Vlan(20, "TSN-pupil")],
        [
            PortState("1", PortMode.TRUNK, (10, 20), PortRole.UPLINK),
            PortState("2", PortMode.ACCESS, (20,)),
        ],
    )
    assert describe_changes(NAMES, now, wanted) == [
        "- vlan 10 TSN-staff",
        "+ vlan 20 TSN-pupil",
        "- port 1 access 10 host-facing",
        "+ port 1 trunk 10,20 uplink",
        "+ port 2 access 20 unfiltered",
    ]


def test_a_filter_comes_changes_and_goes() -> None:
    assert describe_changes(NAMES, state(), state(staff(HTTPS))) == ["+ filter from staff IPv4: 2 entries"]
    assert describe_changes(NAMES, state(staff(HTTPS)), state()) == ["- filter from staff IPv4"]
    assert describe_changes(NAMES, state(staff(HTTPS)), state(staff(HTTPS, ALSO))) == [
        "~ filter from staff IPv4",
        "    + permit tcp 10.1.0.0/22 -> 203.0.113.10/32 port 80-89  (plain)",
    ]
    assert describe_changes(NAMES, state(staff(HTTPS, ALSO)), state(staff(ALSO))) == [
        "~ filter from staff IPv4",
        "    - permit tcp 10.1.0.0/22 -> 203.0.113.10/32 port 443",
    ]


def test_a_moved_entry_is_shown_because_order_decides() -> None:
    changes = describe_changes(NAMES, state(staff(HTTPS, ALSO)), state(staff(ALSO, HTTPS)))
    assert changes[0] == "~ filter from staff IPv4"
    assert {change.split()[0] for change in changes[1:]} == {"+", "-"}


def test_the_filter_in_force_counts_not_one_that_only_exists() -> None:
    """Both exist, and the old one is bound: the change is from the old one to the new one."""
    old, new = staff(HTTPS, ALSO), staff(HTTPS)
    for bound, wanted, sign in ((old, new, "-"), (new, old, "+")):
        changes = describe_changes(NAMES, state(old, new, bound=bound), state(wanted))
        assert changes[0] == "~ filter from staff IPv4"
        assert changes[1].startswith(f"    {sign} permit tcp 10.1.0.0/22 -> 203.0.113.10/32 port 80-89")


def test_a_filter_that_exists_and_is_not_in_force() -> None:
    exists = build_device_state(filters=[staff(HTTPS)])
    assert describe_changes(NAMES, exists, state(staff(HTTPS))) == ["+ filter from staff IPv4: 2 entries"]
    assert describe_changes(NAMES, exists, build_device_state()) == [
        f"- filter {staff(HTTPS).name}, which is not in force"
    ]


def test_a_binding_to_a_filter_that_does_not_exist() -> None:
    assert describe_changes(NAMES, state(bound="TSN-10-from-4-00000000"), state(staff(HTTPS))) == [
        "+ filter from staff IPv4: 2 entries",
        "- binding of staff to TSN-10-from-4-00000000, which does not exist",
    ]


def test_a_vlan_without_a_name_is_told_by_its_number() -> None:
    assert describe_changes({}, state(), state(staff(HTTPS))) == ["+ filter from VLAN 10 IPv4: 2 entries"]


def test_entries_in_words() -> None:
    icmp = Match(Family.V4, Protocol.ICMP, Family.V4.everything, STAFF, destination_ports=(3, 3))
    back = Match(Family.V4, Protocol.TCP, CLOUD, STAFF, source_ports=(443, 443), established=True)
    other = Match(Family.V6, 47, Family.V6.everything, Family.V6.everything)
    assert describe_entry(DENY) == "deny ip any -> any"
    assert describe_entry(Entry(Effect.PERMIT, icmp)) == "permit icmp any -> 10.1.0.0/22 type 3"
    assert (
        describe_entry(Entry(Effect.PERMIT, back)) == "permit tcp 203.0.113.10/32 port 443 -> 10.1.0.0/22 established"
    )
    assert describe_entry(Entry(Effect.PERMIT, other)) == "permit 47 any -> any"
