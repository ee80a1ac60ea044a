"""Yamaha RTX: what is special to it beside the contract, on an emulated router."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    DeviceState,
    Entry,
    PortMode,
    PortState,
    build_device_state,
    build_filter,
)
from controller.model.network.line_routes import DefaultRoute, LineGateway
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.model.network.unmanaged_paths import PathKind
from controller.platforms.base import refuse_conflicts
from controller.platforms.common.understanding import redact_configuration
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from controller.platforms.yamaha_rtx.driver import YamahaRtx
from controller.platforms.yamaha_rtx.numbers import DEFAULT_NUMBERS, FilterBlock, ReservedNumbers
from tests.emulators.yamaha_rtx import SAVE, RtxRouter
from tests.platforms.samples import LoggedInDevice
from tests.platforms.states import bound, everything
from tests.platforms.yamaha_rtx.rtx_states import small_school

RTX = load_platform("yamaha_rtx")
V4 = Family.V4
GOLDEN = (Path(__file__).parent / "golden" / "yamaha_rtx.txt").read_text(encoding="utf-8")
MARK = "ip filter 16000000 reject-nolog 192.0.2.84 192.0.2.83 * * *\n"
HEAD = "# RTX1220 Rev.15.04.05\n# Reporting Date: Apr 1 09:00:00 2026\n"
EMPTY = build_device_state()


def refused(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        RTX.parse(text, "x")
    return str(caught.value)


def perform(device: LoggedInDevice, now: DeviceState, wanted: DeviceState) -> list[str]:
    lines = [command.line for step in RTX.plan_steps(now, wanted) for command in step.commands]
    for step in RTX.plan_steps(now, wanted):
        for command in step.commands:
            device.run(command)
    return lines


def test_the_golden_text_is_what_is_rendered() -> None:
    assert RTX.render(small_school()) == GOLDEN
    assert RTX.parse(HEAD + GOLDEN, "x").state == small_school()


@pytest.mark.parametrize(
    "line",
    [
        "ip filter 16020735 reject-nolog * * * * *",
        "ipv6 filter 16020735 pass 2001:db8::/32 *",
        "ip filter 16000000 pass * * * * *",
        "ip keepalive 91 icmp-echo 5 3 10.0.0.1",
        "tunnel select 12\n tunnel encapsulation ipip",
        "vlan lan1/1 802.1q vid=20 name=TSN-port",
    ],
)
def test_a_number_of_the_range_in_use_at_first_contact_is_a_conflict(line: str) -> None:
    said = refused(f"{HEAD}{line}\n")
    assert "conflict" in said
    assert "x:3: " in said
    assert "the mark of the range" in said


@pytest.mark.parametrize(
    "line",
    [
        "ip pp secure filter in 16020735 1000",
        "ip filter set ours in 16020735",
        "ip route 10.0.0.0/8 gateway 10.0.0.1 filter 16020735",
        "ip filter dynamic 100 * * filter 16020735",
        "ip route 10.0.0.0/8 gateway 10.0.0.1 keepalive 91",
        "ip policy filter 16020735",
        "nat descriptor type TSN-20 masquerade",
    ],
)
def test_a_use_of_ours_by_others_is_a_conflict(line: str) -> None:
    assert "conflict" in refused(f"{HEAD}{MARK}{line}\n")


def test_a_list_with_filters_of_others_among_ours_is_refused() -> None:
    broken = GOLDEN.replace("secure filter out 16021118", "secure filter out 1000 16021118")
    assert "does not name all entries of one filter of ours" in refused(broken)
    shorter = GOLDEN.replace("secure filter in 16020730 16020731", "secure filter in 16020731")
    assert "expected the numbers 16020730 to 16020735" in refused(shorter)
    elsewhere = GOLDEN.replace("ip lan1/2 secure filter in", "ip lan1/1 secure filter in")
    assert "stands elsewhere" in refused(elsewhere)
    dynamic = GOLDEN.replace("secure filter out 16021118 16021119", "secure filter out 16021118 16021119 dynamic 100")
    assert "does not name all entries" in refused(dynamic)


@pytest.mark.parametrize(
    "entry",
    [
        "pass 10.0.0.1-10.0.0.9 * * * *",
        "pass 10.0.0.1,10.0.0.2 * * * *",
        "pass * * udp,tcp * 53",
        "pass * * established * *",
        "pass * * tcpflag=0x12/0x12 * *",
        "restrict * * * * *",
        "pass * * tcp * 80,443",
        "pass * * icmp 3 1",
        "pass * * icmp-error * *",
        "pass example.jp * * * *",
        "pass 10.0.0.1/8 * * * *",
        "pass * * tcp * 443 x",
        "pass * * gre * 80",
    ],
)
def test_an_entry_that_ours_cannot_say_is_refused_with_its_number(entry: str) -> None:
    text = f"{HEAD}{MARK}ip filter 16020734 {entry}\nip filter 16020735 reject-nolog * * * * *\n"
    assert "in filter 16020734, which is ours" in refused(text)


@pytest.mark.parametrize("digits", ["016020735", "9" * 5000, "\uff11\uff16020735"], ids=["zero", "long", "wide"])
@pytest.mark.parametrize(
    "line", ["ip lan1/2 secure filter in {}", "ip route default gateway tunnel {} keepalive 91", "ip keepalive {} x"]
)
def test_numbers_that_no_router_has_are_read_without_a_fault(line: str, digits: str) -> None:
    text = f"{HEAD}{MARK}ip keepalive 91 icmp-echo 10 3 10.0.0.1\n{line.format(digits)}\n"
    if "route" in line:
        assert "is ours by its keepalive" in refused(text)
    else:
        assert RTX.parse(text, "x").state == EMPTY


@pytest.mark.parametrize(("shown", "port"), [("www", 80), ("domain", 53), ("443", 443)])
def test_words_for_ports_that_a_router_prints_are_read(shown: str, port: int) -> None:
    text = f"{HEAD}{MARK}ip filter 16020734 pass * * tcp * {shown}\nip filter 16020735 reject * * *\n"
    (one,) = RTX.parse(text, "x").state.filters
    assert one.entries[0].match.destination_ports == (port, port)
    assert one.entries[1] == everything(V4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("  \n\n", "it is empty"),
        ("<html><body>login</body></html>", "a page of a web server"),
        ("Error: Administrator use only\n", "an error of the router"),
        ("エラー\uff1a このコマンドは管理レベルでのみ使用できます\n", "an error of the router"),
        (f"{HEAD}ip route default gateway 10.0.0.1\n---more---\n", "the pager stands in it"),
        (f"{HEAD}--- つづく ---\nip route default gateway 10.0.0.1\n", "the pager stands in it"),
        ("\ufeff# RTX\nip lan1 address 192.168.100.1/24\n", "a control character"),
        ("# RTX\nip lan1 address 192.168.100.1/24\x08\n", "a control character"),
        (f"{'ip lan1/2 secure filter in'.ljust(75)}20010\n0 200020\n", "broken at the console's width"),
        (f"{'ip lan1/2 secure filter in'.ljust(195)}20010\n0 200020\n", "broken at the console's width"),
        ("# RTX\ntunnel encapsulation ipip\n", "stands in no context"),
        ("# RTX\npp select 1\npp bind lan2\n", "stands in no context"),
    ],
)
def test_what_is_no_configuration_is_refused_by_reason(text: str, reason: str) -> None:
    assert reason in refused(text)


def test_a_narrow_console_breaks_ours_and_it_is_seen() -> None:
    router = RtxRouter()
    device = LoggedInDevice(router, "administrator", "")
    wide = build_filter(20, Direction.FROM, V4, [*numbered(30), everything(V4)])
    state = build_device_state((), [PortState("lan1/1", PortMode.ACCESS, (20,))], [wide], [bound(wide)])
    perform(device, EMPTY, state)
    shown = "\n".join(device.line.enter("show config").lines)
    assert "broken at the console's width" in refused(shown)
    device.line.enter("console columns 4096")
    unbroken = "\n".join(device.line.enter("show config").lines)
    seen = RTX.parse(unbroken, "x")
    assert seen.state == state
    assert "console columns 4096" in [line.text for line in seen.unmanaged]


def numbered(count: int) -> list[Entry]:
    return [
        Entry(Effect.PERMIT, Match(V4, Protocol.TCP, V4.everything, parse_prefix(f"10.0.0.{number}/32")))
        for number in range(count)
    ]


def test_a_changed_filter_gets_fresh_numbers_before_one_line_puts_it_in_force() -> None:
    port = PortState("lan1/1", PortMode.ACCESS, (20,))
    made = [build_filter(20, Direction.FROM, V4, [*numbered(count), everything(V4)]) for count in range(8)]
    states = [build_device_state((), [port], [one], [bound(one)]) for one in made]
    router = RtxRouter()
    device = LoggedInDevice(router, "administrator", "")
    perform(device, EMPTY, states[0])
    moved = 0
    for before, after in pairwise(states):
        in_use = {line.split()[2] for line in router.show_running().splitlines() if line.startswith("ip filter ")}
        lines = [command.line for step in RTX.plan_steps(before, after) for command in step.commands]
        rebinds = [number for number, line in enumerate(lines) if "secure filter in" in line]
        fresh = {line.split()[2] for line in lines[: rebinds[0]] if line.startswith("ip filter ")}
        assert fresh
        assert not fresh & in_use
        assert set(lines[rebinds[0]].split()[5:]) == fresh
        assert all(line.startswith("no ip filter ") for line in lines[rebinds[0] + 1 : rebinds[0] + 2])
        moved += len(rebinds) > 1
        perform(device, before, after)
        assert RTX.parse(router.show_running(), "x").state == after
    assert moved, "some two of them have the same numbers, and one goes by way of others"


def test_a_filter_is_whole_after_each_command() -> None:
    one = build_filter(20, Direction.FROM, V4, [*numbered(5), everything(V4)])
    held = build_device_state(filters=[one])
    router = RtxRouter()
    device = LoggedInDevice(router, "administrator", "")
    for now, wanted in ((EMPTY, held), (held, EMPTY)):
        for step in RTX.plan_steps(now, wanted):
            for command in step.commands:
                device.run(command)
                (*_, last) = [*RTX.parse(router.show_running(), "x").state.filters, None]
                assert last is None or last.entries[-1] == everything(V4)
    assert "ip filter" not in router.show_running()


def test_a_default_route_of_others_is_a_conflict_by_its_line() -> None:
    seen = RTX.parse(f"{HEAD}ip route default gateway pp 1\n", "x")
    wanted = build_device_state(default_routes=[DefaultRoute(V4, (LineGateway("10.0.0.1", "10.0.0.1"),))])
    with pytest.raises(ConfigRefused, match=r"x:3: conflict: default route IPv4: .* 'ip route default gateway pp 1'"):
        refuse_conflicts(seen, wanted, "x")


def test_ways_of_others_are_told_each_with_its_line() -> None:
    text = (
        "# RTX\nip route default gateway pp 1\nip lan2 address 192.0.2.9/24\nip lan2 nat descriptor 1\npp select 1\n"
        " pp bind lan2\n pp enable 1\nbgp use on\nbridge member bridge1 lan1 tunnel1\nfrobnicate on\n"
        "login user net01 *\nnat descriptor type 1 masquerade\nip filter 1000 pass * * * * *\n"
    )
    seen = RTX.parse(text, "x")
    assert [(one.line, one.kind) for one in seen.paths] == [
        (2, PathKind.STATIC_ROUTE),
        (3, PathKind.ROUTED_PORT),
        (4, PathKind.ADDRESS_TRANSLATION),
        (5, PathKind.TUNNEL),
        (8, PathKind.ROUTING_PROTOCOL),
        (9, PathKind.BRIDGE),
        (10, PathKind.UNKNOWN_LINE),
    ]
    assert (seen.managed, len(seen.unmanaged)) == (0, 12)


def test_what_is_kept_tells_the_model_and_no_secret() -> None:
    secret = "Zq7hidden"  # noqa: S105 of a test
    lines = (
        "# RTX1220 Rev.15.04.05 (Fri Jan 20 10:12:31 2023)",
        f"login user net01 {secret}",
        f"administrator password encrypted {secret}",
        f"snmp community read-only {secret}",
        "pp select 1",
        f" pp auth myname net01 {secret}",
        f" ipsec ike pre-shared-key 1 text {secret}",
        f"# {secret}",
        "",
    )
    kept, _ = redact_configuration(RTX, DeviceText("\n".join(lines)), "x")
    assert kept.splitlines()[0] == lines[0]
    assert secret not in kept
    hidden, _ = redact_configuration(RTX, DeviceText(f"# RTX1220 Rev.15.04.05 {secret}\n"), "x")
    assert secret not in hidden


def test_numbers_are_told_back() -> None:
    for numbers in (DEFAULT_NUMBERS, ReservedNumbers(1, 1, 1), ReservedNumbers(17_000_000, 99, 40)):
        for vlan in (1, 20, 4094):
            for direction in Direction:
                for generation in range(4):
                    block = FilterBlock(vlan, direction, generation)
                    for entries in (1, 128):
                        listed = numbers.list_numbers(block, entries)
                        assert {numbers.find_block(number) for number in listed} == {block}
                        assert all(map(numbers.holds_filter, listed))
    for wrong in ((0, 91, 11), (18_000_000, 91, 11), (16_000_000, 100, 11), (16_000_000, 91, 0)):
        with pytest.raises(ValueError, match="reserved numbers"):
            ReservedNumbers(*wrong)


def test_another_range_is_written_and_read() -> None:
    other = YamahaRtx(ReservedNumbers(5_000_000, 21, 7))
    text = other.render(small_school())
    assert "ip filter 5000000 " in text
    assert "keepalive 21" in text
    assert "tunnel select 8" in text
    assert other.parse(text, "x").state == small_school()
    assert RTX.parse(HEAD + "ip filter 1000 pass * * * * *\n", "x").state == EMPTY


def test_the_emulated_router_is_strict() -> None:
    router = RtxRouter(password="mori-7")  # noqa: S106 of a stand-in
    line = router.open_command_line("net01")
    assert line.prompt == "> "
    assert line.enter("show config").lines == ("Error: Administrator use only",)
    assert line.enter("console lines 0").lines == ("Error: Parameter out of range",)
    assert line.enter("administrator").question is not None
    assert line.enter("wrong").lines == ("Error: Incorrect password",)
    line.enter("administrator")
    line.enter("mori-7")
    assert line.prompt == "# "
    for wrong in (
        "ip filter 0 pass * * * * *",
        "ip lan1 secure filter in 5",
        "vlan lan1/33 802.1q vid=20",
        "cold start",
    ):
        assert line.enter(wrong).lines, wrong
    line.enter("ip filter 5 pass * * * * *")
    line.enter("ip lan1 secure filter in 5")
    assert line.enter("no ip filter 5").lines
    line.enter("tunnel select 12")
    assert line.prompt == "tunnel12# "
    line.enter("tunnel select none")
    assert line.enter("exit").question is not None
    assert line.enter("N").lines == ()
    assert line.prompt == "> "
    assert SAVE.endswith("(Y/N)")
