"""Lines of others that come back: what stands under what, what is there twice, and secrets in both."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import RestoreRefused
from controller.operations.device_access import CredentialSource
from controller.operations.restore_settings import RestoreSettings
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from controller.recovery.secret_lines import fill_secrets
from controller.recovery.unmanaged_lines import (
    UnmanagedLine,
    find_lost_lines,
    find_missing_lines,
    leave_lines_out,
    list_unmanaged_lines,
    write_lines,
)

IOS = load_platform("cisco_ios")
HEAD = "version 17.9\nhostname core1\nvtp mode transparent\nip routing\n"
RADIUS = "radius server <redacted>\n address ipv4 10.0.0.9\n key <redacted>\n"
CLASSES = "policy-map GUESTS\n class VIDEO\n  police 8000000\n class VOICE\n  police 8000000\n"


def list_lines(more: str) -> tuple[UnmanagedLine, ...]:
    """The lines of others behind the head, which the new device has, too."""
    every = list_unmanaged_lines(IOS, DeviceText(f"{HEAD}{more}end\n"), "x")
    return tuple(one for one in every if one.line.number > HEAD.count("\n"))


def test_what_stands_under_a_line_with_a_secret_is_typed_under_that_very_line() -> None:
    lines = list_lines(RADIUS)
    header, _, key = (one.line.number for one in lines)
    filled = {header: "radius server ISE01", key: " key S3cret"}
    now = DeviceText(f"{HEAD}radius server ISE01\n address ipv4 10.0.0.9\nend\n")
    missing = find_missing_lines(IOS, lines, now, filled)
    assert [one.line.number for one in missing] == [key]
    typed = write_lines(missing, filled)
    assert [one.line for one in typed][1:-1] == ["radius server ISE01", "key S3cret"]
    assert [one.shown for one in typed][1:-1] == ["radius server <redacted>", "key <redacted>"]
    whole = DeviceText(f"{HEAD}radius server ISE01\n address ipv4 10.0.0.9\n key S3cret\nend\n")
    assert find_missing_lines(IOS, lines, whole, filled) == ()


def test_a_mark_that_stands_for_a_secret_is_never_typed() -> None:
    lines = list_lines(RADIUS)
    header, _, key = (one.line.number for one in lines)
    for filled in ({}, {header: "radius server ISE01"}, {key: " key S3cret"}):
        with pytest.raises(RestoreRefused, match="something was taken out of it"):
            write_lines(lines, filled)


def test_lines_that_are_alike_in_two_classes_are_both_there_or_the_whole_block_is_typed() -> None:
    lines = list_lines(CLASSES)
    half = DeviceText(f"{HEAD}policy-map GUESTS\n class VIDEO\n  police 8000000\n class VOICE\nend\n")
    assert len(find_lost_lines(IOS, lines, half, "x", {})) == 1
    missing = find_missing_lines(IOS, lines, half, {})
    assert [one.line for one in write_lines(missing, {})][1:-1] == [
        "policy-map GUESTS",
        *("class VIDEO", "police 8000000", "class VOICE", "police 8000000"),
    ]
    assert find_missing_lines(IOS, lines, DeviceText(f"{HEAD}{CLASSES}end\n"), {}) == ()


def test_secrets_that_could_be_of_several_lines_are_refused_by_name() -> None:
    lines = [one.line for one in list_lines("snmp-server community <redacted>\nsnmp-server community <redacted>\n")]
    settings = RestoreSettings.model_validate(
        {"secrets": [{"line": "snmp-server community <redacted>", "secret": {"env": "RO"}}]}
    )
    asked: list[CredentialSource] = []

    def resolve(_: str, source: CredentialSource) -> str:
        asked.append(source)
        return "S3cretRO RO"

    with pytest.raises(RestoreRefused, match="2 lines of the backup are the same") as refused:
        fill_secrets("d1", Path("d1.cfg"), lines, settings, resolve)
    assert asked == []
    assert "S3cret" not in str(refused.value)


def test_what_is_left_out_goes_with_what_stands_under_it_and_asks_for_no_secret() -> None:
    lines = list_lines(f"{RADIUS}ntp server 10.0.0.9\n")
    kept, left_out = leave_lines_out(lines, ["radius server <redacted>"])
    assert [one.line.text for one in kept] == ["ntp server 10.0.0.9"]
    assert [one.line.text.strip() for one in left_out] == [line.strip() for line in RADIUS.splitlines()]

    def resolve(device: str, source: CredentialSource) -> str:
        raise AssertionError((device, source))

    assert fill_secrets("d1", Path("d1.cfg"), [one.line for one in kept], RestoreSettings(), resolve) == {}
