"""The name of a device's proof holds every part of a rule that its filters are made of, and no other."""

from __future__ import annotations

import pytest

from controller.model.access.rules import NetworkPart, RuleFile
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.policy_files import RULES
from controller.model.sites.devices import Device
from controller.model.sites.scope import Scope
from controller.plan.proof.proof_cache import CityKeys


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"id": "renamed"}, True),
        ({"effect": Effect.FORBID}, True),
        ({"applications": ("parents",)}, True),
        ({"network": NetworkPart.model_validate({"from": ["guest"]})}, True),
        ({"schools": Scope(ids=("as-e04",))}, True),
        ({"purpose": "other words"}, False),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_each_part_of_a_rule_that_filters_are_made_of_names_the_proof_of_a_device(
    city: City, device: Device, change: dict[str, object], *, matters: bool
) -> None:
    assert device.school.id != "as-e04"
    edited = [one.model_copy(update=change) if one.id == "workspace" else one for one in city.rules]
    assert edited != list(city.rules)
    after = city.replace_file(RULES, RuleFile(rules=tuple(edited)))
    assert (CityKeys(after).device_key(device) != CityKeys(city).device_key(device)) is matters
    assert CityKeys(after).bare_device_key(device) == CityKeys(city).bare_device_key(device)
