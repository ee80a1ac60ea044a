"""A platform that is not installed makes `check` fail, once, with the number of its places and what is alike."""

from __future__ import annotations

from pathlib import Path

from controller.cli.policy.unknown_platforms import find_unknown_platforms
from tests.policies import PolicyFolder


def test_a_platform_that_is_nowhere_is_said_once(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    path = policies.path / "city/blueprints.yaml"
    text = path.read_text(encoding="utf-8").replace("lot-1: cisco_ios", "lot-1: cisco_iosxe")
    path.write_text(text.replace("  cisco_ios: Gig", "  cisco_iosxe: Gig{n}\n  cisco_ios: Gig"), encoding="utf-8")
    (found,) = find_unknown_platforms(policies.load())
    assert str(found.origin).startswith(f"{path}:")
    assert (
        "no platform 'cisco_iosxe' (14 places); there are: alaxala, allied_telesis_awplus, cisco_ios, " in found.message
    )
    assert found.message.endswith("; did you mean cisco_ios?")


def test_the_sample_city_names_installed_platforms_only(tmp_path: Path) -> None:
    assert not list(find_unknown_platforms(PolicyFolder(tmp_path).load()))
