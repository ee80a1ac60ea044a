"""`tsunagu adopt`, run as a user would."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from controller.cli.devices import observation
from controller.cli.output import Exit
from controller.errors import DeviceUnreachable
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.select import find_device
from controller.platforms.base import Session
from controller.platforms.transport.ssh_transport import SshTransport
from tests.adoption.conftest import CATALYST, TEXTS, X530, read_saved_text
from tests.cli.running import ROOT, Done, here
from tests.platforms.command_line import CommandLine
from tests.platforms.test_reading_by_command_line import PASSWORD, reach
from tests.security.fake_ssh_device import serve

POLICIES = ("--policies", str(ROOT / "policies"), "--on", "2026-12-01")


def adopt(place: Path, device: str, *more: str, text: str | None = None) -> Done:
    configs = place / "configs"
    configs.mkdir(exist_ok=True)
    if text is None:
        shutil.copy(TEXTS / f"{device}.cfg", configs)
    else:
        (configs / f"{device}.cfg").write_text(text, encoding="utf-8")
    return here("adopt", device.rpartition("-")[0], "--configs", "configs", *POLICIES, *more, cwd=place)


def test_people_read_segments_names_and_choices(tmp_path: Path) -> None:
    done = adopt(tmp_path, CATALYST)
    lines = [line.strip() for line in done.said.splitlines()]
    assert done.code == Exit.NOT_JUDGED
    assert "VLAN 150 VOICE -> none that is known; it stays as it is, and is not judged" in lines
    at = lines.index("line 10: vlan 10: STAFF -> TSN-staff")
    assert lines[at + 1 : at + 3] == ["enter:     vlan 10 / name TSN-staff", "give back: vlan 10 / name STAFF"]
    assert any(
        line.startswith("configs/kw-s01-core1.cfg:52: interface GigabitEthernet1/0/3: it carries") for line in lines
    )
    assert (
        "proof: 25 texts parsed; 24 states on the way let through what both ends do, and nothing that neither does"
        in lines
    )
    assert "- not judged: kw-s01-floor1: no configuration was given (configs/kw-s01-floor1.cfg)" in lines
    assert "nothing was changed" in lines[-1]


def test_programs_read_one_document_with_all_commands(tmp_path: Path) -> None:
    done = adopt(tmp_path, X530, "--json", "--to", "ports")
    document = json.loads(done.said)
    (device,) = document["devices"]
    assert (document["school"], document["to"], device["device"]) == ("as-e01", "ports", X530)
    (lists,) = (one for one in device["hand_overs"] if one["kind"] == "access lists")
    assert sum(line.startswith("access-list hardware TSN-") for line in lists["commands"]) == 16
    assert len(document["not_judged"]) > 1
    assert {"kw-s01-core1"}.isdisjoint(document["not_judged"])


def test_a_text_that_is_refused_weighs_most(tmp_path: Path) -> None:
    done = adopt(tmp_path, CATALYST, text="vlan 10\n name TSN-staff\nvlan 10\n name TSN-staff\n")
    assert done.code == Exit.FAILED
    assert any(line.startswith("x ") and "stands twice" in line for line in done.said.replace("\n  ", " ").splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("adopt", "kw-s01", "--to", "everything"),
            "'everything' is no level to adopt a school to; write filters, ports or all",
        ),
        (("adopt", "kw-s99"), "kw-s99"),
        (("adopt",), "SCHOOL"),
    ],
)
def test_what_nobody_can_mean_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = here(*words, *POLICIES, cwd=tmp_path)
    assert done.code in {Exit.USAGE, Exit.FAILED}
    assert said in done.errors.replace("\n", " ")


def test_people_read_japanese_and_programs_the_same_document_in_every_language(tmp_path: Path) -> None:
    done = adopt(tmp_path, CATALYST, "--lang", "ja")
    lines = [line.strip() for line in done.said.splitlines()]
    assert done.code == Exit.NOT_JUDGED
    assert re.match(r"仮・川崎第一支援学校.kw-s01..kw-s01-core1.cisco_ios", lines[0])
    assert "VLAN 150 VOICE → 対応なし。そのまま残し、判定しません" in lines
    at = next(number for number, line in enumerate(lines) if re.fullmatch("10 行目 vlan 10.STAFF → TSN-staff", line))
    assert lines[at + 1 : at + 3] == ["入力:   vlan 10 / name TSN-staff", "元に戻す: vlan 10 / name STAFF"]
    assert any(
        re.match("影響を受ける通信: GigabitEthernet1/0/3 のタグなしフレーム.VLAN 90.機器管理", line) for line in lines
    )
    assert any(line.startswith("閉じる 来客 (guest) -> ") and "校務支援システム (affairs)" in line for line in lines)
    assert lines[-1].endswith("何も変更していません")
    japanese = adopt(tmp_path, CATALYST, "--json", "--lang", "ja")
    assert json.loads(japanese.said) == json.loads(adopt(tmp_path, CATALYST, "--json").said)


def test_no_word_of_the_way_to_read_it_is_left_in_english(tmp_path: Path) -> None:
    """Every line that is no command and no text of the device has Japanese letters."""
    lines = [line.strip() for line in adopt(tmp_path, X530, "--lang", "ja").said.splitlines()]
    told = [line for line in lines if line and not line.startswith(("x ", "- {id:"))]
    assert [line for line in told if not re.search(r"[ぁ-んァ-ヶ一-龠]", line) and line != "segments:"] == []


class NearTransport:
    """SSH to a stand-in on this machine for one device; no other device answers."""

    def __init__(self, real: SshTransport, name: str) -> None:
        self._real, self._name = real, name

    def open_session(
        self, device: Device, device_type: str, *, changing: bool = False
    ) -> AbstractContextManager[Session]:
        if device.id != self._name or changing:
            raise DeviceUnreachable(device.id, "nothing listens there")
        return self._real.open_session(replace(device, management=IPv4Address("127.0.0.1")), device_type)


@pytest.mark.parametrize(("name", "prompt"), [(CATALYST, "core1#"), (X530, "awplus#")])
def test_the_devices_themselves_are_read_over_ssh_and_nothing_is_typed_but_show(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, prompt: str
) -> None:
    text = read_saved_text(name).rstrip().removesuffix("end") + "end\n"
    fake = CommandLine(
        password=PASSWORD, shows={"show running-config": text, "show startup-config": text}, prompt=prompt
    )
    with serve(fake) as port:
        real = SshTransport({find_device(city, name).access: reach(tmp_path, fake, port)})
        monkeypatch.setattr(observation, "build_transport", lambda _: NearTransport(real, name))
        live = here("adopt", name.rpartition("-")[0], "--json", *POLICIES, cwd=tmp_path)
    document = json.loads(live.said)
    saved = json.loads(adopt(tmp_path, name, "--json", text=text).said)
    # The other devices of the school did not answer: that is a failure, and takes nothing from this one.
    assert live.code == Exit.FAILED
    assert any("nothing listens there" in one for one in document["refused"])
    (device,) = document["devices"]
    assert device == saved["devices"][0] | {"source": name} | {
        key: json.loads(json.dumps(saved["devices"][0][key]).replace(f"configs/{name}.cfg", name))
        for key in ("not_judged", "contradictions")
    }
    assert {"show running-config", "show startup-config"} <= set(fake.typed)
    assert all(line.startswith(("show ", "terminal ")) for line in fake.typed)
