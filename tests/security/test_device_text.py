"""A device is untrusted input: its text is bounded, its escape sequences are shown, its secrets are not told."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import CommandFailed, ConfigRefused, DeviceTextRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.plan.backup import back_up_device
from controller.plan.observe import read_devices
from controller.plan.select import find_device
from controller.platforms.base import Command, ConfigLine, Lock, Observation
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.understanding import read_unmanaged, understand
from controller.platforms.device_text import device_text
from controller.platforms.device_text.device_text import (
    MESSAGE_CHARACTERS,
    DeviceText,
    clean_text,
    describe_device_words,
)
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from tests.policies import NOON
from tests.rollout.line_system import LineSystem
from tests.rollout.ovs_switch import Switch

SECRET = "Zq7hidden"  # noqa: S105 nobody's
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]")
REFUSED = {
    "yamaha_rtx": f"ip filter 16000000 reject-nolog 192.0.2.84 192.0.2.83 * * * password {SECRET}\n",
    "alaxala": f"ip access-list extended TSN-20-from-4-01234567\n  10 permit tcp any any password {SECRET}\n",
    "cisco_ios": f"ip access-list extended TSN-20-from-4-abc\n permit tcp any any password {SECRET}\n",
    "frr": f"router bgp 65001\n neighbor 10.0.0.1 password {SECRET} TSN-x\n",
    "hostapd": f"interface=wlan0\nbss=tsn-20\nssid=x\nwpa_passphrase={SECRET}\nwpa_key_mgmt=WPA-PSK\n",
    "ovs": f"# bridge\nbr0,secure\n# flows\n {SECRET} password={SECRET}\n",
    "allied_telesis_awplus": f"interface port1.0.1\n description TSN-host\n switchport access vlan password {SECRET}\n",
}


@pytest.mark.parametrize(
    "form", [str, repr, "{}".format, "{0!r:>3}".format, lambda text: json.dumps({"a": text}, default=str)]
)
def test_a_text_of_a_device_prints_no_secret(form) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    text = DeviceText(f"hostname r1\nenable secret {SECRET}\n")
    assert SECRET not in form(text)
    assert "hostname r1" in form(text)
    assert SECRET in text.reveal()


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_control_character_of_a_device_is_ever_shown(text: str) -> None:
    kept = DeviceText(text)
    for shown in (str(kept), kept.reveal(), describe_device_words(text), repr(kept)):
        assert not CONTROLS.search(shown)
    assert clean_text(kept.reveal()) == kept.reveal(), "once is enough"
    assert len(describe_device_words(text)) <= MESSAGE_CHARACTERS + 30


@pytest.mark.parametrize(
    "sequence", ["\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x9b31m", "\u202edenifed", "a\rb", "\x08\x08ok"]
)
def test_escape_sequences_of_an_error_do_not_reach_the_terminal(sequence: str) -> None:
    shown = describe_device_words(f"% Invalid input {sequence}detected\nok 100% applied {sequence}")
    assert not CONTROLS.search(shown)
    assert "\n" not in shown
    assert shown.startswith("% Invalid input ")


def test_an_error_that_names_a_secret_does_not_tell_it() -> None:
    for said in (
        f"% Unknown command: neighbor 10.0.0.1 password {SECRET}",
        f"login user taro {SECRET}: syntax error",
        f'invalid line "{SECRET}" at 3',
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n",
    ):
        assert SECRET not in describe_device_words(said), said
    ours = "ovs_switch: late: the restore fired before the change was pushed; nothing was changed"
    assert describe_device_words(ours) == ours


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * 40 + "\n" + "y" * (device_text.MAXIMUM_LINE + 1), "kw-1: its line 2 has 16385 characters"),
        ("\n" * device_text.MAXIMUM_LINES, "kw-1: it sent 200001 lines"),
        ("a\n" * (device_text.MAXIMUM_BYTES // 2 + 1), "kw-1: it sent more than 4 MB"),
    ],
    ids=["line", "lines", "bytes"],
)
def test_a_text_without_bound_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(DeviceTextRefused, match=re.escape(words)):
        DeviceText(text, "kw-1")


@pytest.mark.parametrize("platform", REFUSED)
def test_a_refusal_quotes_no_secret_and_names_the_same_lines(platform: str) -> None:
    system, text = load_platform(platform), REFUSED[platform]
    with pytest.raises(ConfigRefused) as raw:
        system.parse(text, "kw-1")
    with pytest.raises(ConfigRefused) as told:
        understand(system, DeviceText(text), "kw-1")
    assert SECRET not in str(told.value)
    assert {one.origin for one in told.value.problems} == {one.origin for one in raw.value.problems}


@pytest.mark.parametrize("platform", REFUSED)
@given(
    words=st.lists(
        st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=15, deadline=None)
def test_a_refusal_quotes_no_secret_of_any_letters(platform: str, words: list[str]) -> None:
    system = load_platform(platform)
    text = REFUSED[platform].replace(SECRET, " ".join(words))
    try:
        understand(system, DeviceText(text), "kw-1")
    except ConfigRefused as refused:
        hidden = re.sub(r"line \d+", "", str(refused))
        for word in words:
            assert f"password {word}" not in hidden
            assert f"passphrase={word}" not in hidden


class Telling(LineSystem):
    """A platform of somebody else, which quotes lines wherever it can."""

    def parse(self, text: str, source: str) -> Observation:
        seen = super().parse(text, source)
        quoted = tuple(ConfigLine(line.number, f"odd: {line.text}") for line in seen.unmanaged)
        return replace(seen, remarks=quoted, conflicting={line.number: line for line in seen.unmanaged})


def test_what_a_platform_tells_of_a_line_is_told_redacted() -> None:
    seen = understand(Telling(), DeviceText(f"vlan 20 staff\nkey {SECRET} x\n"), "kw-1")
    assert (seen.managed, seen.lines) == (1, 2)
    assert SECRET not in repr(seen)
    assert seen.unmanaged == (ConfigLine(2, "key <redacted>"),)
    assert seen.remarks == (ConfigLine(2, "odd: key <redacted>"),)


@pytest.fixture
def core(city: City) -> Device:
    return find_device(choose_virtual_city(city), "kw-s01-core1")


class Shouting(Switch):
    """A switch with a foreign port whose name is a secret and an escape sequence."""

    def show(self) -> str:
        return super().show().replace("# flows", f"\x1b]0;{SECRET}\x07,,,\n# flows")


def test_what_is_read_backed_up_and_refused_holds_no_secret(core: Device, tmp_path: Path) -> None:
    device = MemoryDevice(core.id, Shouting(port.name for port in core.ports), ManualClock(NOON))
    (seen,) = read_devices([core], MemoryTransport([device]), lambda _: None)
    assert seen.refusal is None
    assert SECRET not in repr(seen.observation)
    assert "\x1b" not in repr(seen.observation)
    assert isinstance(seen.observation and seen.observation.state, DeviceState)
    back_up_device(core, tmp_path, MemoryTransport([device]), ManualClock(NOON))
    text = (tmp_path / f"{core.id}.cfg").read_text(encoding="utf-8")
    assert SECRET not in text
    assert "\x1b" not in text
    assert text.startswith("# bridge\n")


class Broken(LineSystem):
    """A platform that does not think of every text."""

    def parse(self, text: str, source: str) -> Observation:
        raise RecursionError(text + source)


class Nesting(Switch):
    """A switch with a foreign port whose name is settings in settings."""

    def show(self) -> str:
        return super().show().replace("# flows", f"{'ip=' * 1_200},,,\n# flows")


class Odd(Switch):
    """A switch of whose answer an error of this program comes."""

    def show(self) -> str:
        raise RecursionError(SECRET)


def test_one_device_never_ends_the_run_for_the_others(city: City, core: Device, tmp_path: Path) -> None:
    virtual = choose_virtual_city(city)
    every = (one for school in virtual.schools for one in virtual.list_devices(school))
    other, third, *_ = (one for one in every if one.platform == core.platform and one != core)
    kinds = ((core, Odd), (other, Nesting), (third, Switch))
    reached = [MemoryDevice(one.id, kind(port.name for port in one.ports), ManualClock(NOON)) for one, kind in kinds]
    transport = MemoryTransport(reached)
    refused, *healthy = read_devices([core, other, third], transport, lambda _: None, only_read=True)
    assert isinstance(refused.refusal, DeviceTextRefused)
    assert "RecursionError" in str(refused.refusal)
    assert SECRET not in str(refused.refusal)
    assert [one.refusal for one in healthy] == [None, None]
    back_up_device(other, tmp_path, transport, ManualClock(NOON))
    assert (tmp_path / f"{other.id}.cfg").exists()


def test_an_error_of_a_platform_is_a_refusal_and_quotes_nothing() -> None:
    with pytest.raises(ConfigRefused, match="RecursionError") as refused:
        understand(Broken(), DeviceText(SECRET), "kw-1")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "answer", ["", "\x1b[2Jheld", f"secret {SECRET}", "held held", "busy", "busy a b c", "busy a -9999999999"]
)
def test_a_strange_answer_of_a_device_is_an_error_and_no_traceback(answer: str) -> None:
    class Lying:
        device = "kw-1"

        def run(self, command: Command) -> DeviceText:
            del command
            return DeviceText(answer)

    system: OwnRestore = LineSystem()
    with pytest.raises(CommandFailed, match="kw-1: expected one of held") as told:
        system.lock(Lying(), Lock("plan", "run", 60))
    assert SECRET not in str(told.value)
    assert not CONTROLS.search(str(told.value))


def test_a_large_text_is_redacted_in_no_time() -> None:
    lines = ("description room_room_room_x", "a_" * 2_000 + "x", "key" * 3_000, '"' * 8_000, "= " * 4_000, "x=" * 4_000)
    text = "\n".join(lines)
    began = time.process_time()
    str(DeviceText(text))
    assert time.process_time() - began < 2


def test_only_one_place_gives_a_device_s_text_to_a_parser() -> None:
    """Whoever reads a device goes by `understand`; the rest of the code parses texts of its own making."""
    root = Path(__file__).parents[2] / "controller"
    revealing = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if ".reveal()" in path.read_text(encoding="utf-8") and "device_text" not in path.parts
    }
    answers = {"platforms/common/own_restore.py", "platforms/common/device_operation.py"}
    read = {"platforms/common/understanding.py", "platforms/common/whole_text.py"}
    tables = {"platforms/common/mac_table.py", "platforms/ovs/driver.py"}  # of addresses, not of a configuration
    assert revealing == {*answers, *read, *tables, "platforms/cisco_ios/vlan_database.py"}


PROGRAMS = sorted((Path(__file__).parents[2] / "controller" / "platforms").rglob("*.sh"))
OWN_ERRORS = [
    found
    for path in PROGRAMS
    for found in re.findall(
        r"\b(?:die|not_armed) ['\"]([^\"]+?)['\"](?: ;;)?$", path.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
]


@pytest.mark.parametrize("error", OWN_ERRORS)
def test_what_our_own_program_says_on_a_device_is_told_in_whole(error: str) -> None:
    said = re.sub(r"\$\{?[a-z_0-9#%:*]+\}?(/\w+)?", "read", error)
    assert "<redacted>" not in describe_device_words(f"ovs_switch: {said}")


def test_a_reader_of_unmanaged_objects_tells_no_words_of_the_text() -> None:
    text = DeviceText("username admin password hunter2\n", "kw-e01-core1")
    assert read_unmanaged(text, "a.cfg", len) == 32

    def fail(raw: str) -> None:
        raise RuntimeError(raw)

    with pytest.raises(ConfigRefused, match=r"a\.cfg.*RuntimeError") as refused:
        read_unmanaged(text, "a.cfg", fail)
    assert "hunter2" not in f"{refused.value} {refused.value.__cause__}"
