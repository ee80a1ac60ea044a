"""No line that changes what an object of ours means is left alone: it is a conflict, a difference, or "not judged".

The tables beside this file were written from the vendors' documents before the readers were looked at. A row says
where its line stands (`at`, see `scenes`), what it does, and the command or chapter of the document that says so.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from controller.platforms.common.understanding import redact_configuration
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from tests.platforms.changed_meaning.scenes import SCENES, SOURCE, Scene, list_harmless, list_rows

HARMLESS = [(platform, row) for platform in SCENES for row in list_harmless(platform)]
ROWS = [(platform, row) for platform in SCENES for row in list_rows(platform)]

HIDDEN_WORDS = frozenset(
    {
        ("alaxala", "link debounce time 3000"),
        ("alaxala", "switchport backup interface gigabitethernet 0/41"),
        ("allied_telesis_awplus", "dot1x port-control auto"),
        ("allied_telesis_awplus", "epsr R datavlan vlan700-710"),
        ("cisco_ios", "monitor session 1 destination interface Gi1/0/47 ingress untagged vlan 777"),
        ("cisco_ios", "monitor session 1 destination remote vlan 777"),
        ("cisco_ios", "monitor session 1 source vlan 777 - 779 rx"),
        ("cisco_ios", "srr-queue bandwidth share 10 10 60 20"),
        ("cisco_ios", "storm-control action shutdown"),
        ("cisco_ios", "storm-control broadcast level pps 1k 500"),
        ("cisco_ios", "storm-control multicast level bps 100k"),
        ("cisco_ios", "switchport backup interface Gi1/0/48"),
        ("cisco_ios", "vlan 777"),
        ("hostapd", "rssi_reject_assoc_rssi=-80"),
        ("hostapd", "tx_queue_data2_aifs=3"),
        ("yamaha_rtx", "dhcp scope option 1 ntp_server=10.1.1.1 43=01,02"),
        ("yamaha_rtx", "ipsec auto refresh off"),
        ("yamaha_rtx", "lan type lan1 auto"),
        ("yamaha_rtx", "operation external-memory download permit off"),
        ("yamaha_rtx", "queue lan2 class property 1 bandwidth=20m"),
        ("yamaha_rtx", "schedule at 1 */* 03:00 * restart"),
        ("yamaha_rtx", "schedule at 1 +600 * restart"),
    }
)
"""Harmless lines (of several the last) that a backup shows without words which may be a name or a password."""


@cache
def build_scene(platform: str) -> Scene:
    return SCENES[platform]()


@pytest.mark.parametrize(("platform", "row"), ROWS, ids=[f"{name}: {row['line']!r}" for name, row in ROWS])
def test_a_line_that_changes_what_ours_mean_is_never_left_alone(platform: str, row: dict[str, Any]) -> None:
    scene = build_scene(platform)
    said = scene.judge(scene.plant(row["at"], row["line"]))
    assert said, row["does"]
    assert "enter: no" not in said
    assert said == "differs" or said.startswith("not judged: ") or f"{SOURCE}:" in said


@pytest.mark.parametrize("platform", SCENES)
def test_without_such_a_line_nothing_is_said(platform: str) -> None:
    scene = build_scene(platform)
    assert scene.judge(scene.text) == ""


@pytest.mark.parametrize(("platform", "row"), HARMLESS, ids=[f"{name}: {row['line']!r}" for name, row in HARMLESS])
def test_a_line_that_stands_beside_them_is_left_alone(platform: str, row: dict[str, Any]) -> None:
    scene = build_scene(platform)
    assert scene.judge(scene.plant(row["at"], row["line"])) == ""


@pytest.mark.parametrize(("platform", "row"), HARMLESS, ids=[f"{name}: {row['line']!r}" for name, row in HARMLESS])
def test_a_line_that_is_left_alone_is_left_alone_in_a_backup_too(platform: str, row: dict[str, Any]) -> None:
    """Found by the demo: words of BFD were taken out of a saved text, and what was left was "not judged"."""
    scene = build_scene(platform)
    system = load_platform(scene.device.platform)
    text = scene.plant(row["at"], row["line"])
    kept, _ = redact_configuration(system, DeviceText.decode(text.encode(), SOURCE), SOURCE)
    assert (scene.judge(kept) == "") is ((platform, row["line"].rpartition("\n")[2].strip()) not in HIDDEN_WORDS), kept


@pytest.mark.parametrize("platform", SCENES)
def test_a_backup_of_what_is_as_it_should_be_says_nothing(platform: str) -> None:
    scene = build_scene(platform)
    system = load_platform(scene.device.platform)
    kept, _ = redact_configuration(system, DeviceText.decode(scene.text.encode(), SOURCE), SOURCE)
    assert scene.judge(kept) == ""
