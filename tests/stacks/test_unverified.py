"""What the stacks set is modelled offline, or named in their file as unverified: one by one, and none too many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from controller.model.city import City
from controller.offline_google.models.set_paths import explain_exception
from controller.offline_google.models.unmodelled import find_unmodelled
from controller.offline_google.schema.facts import find_resource_type
from stacks.settings.read_configuration import ConfigurationRefused
from stacks.unverified import MOST_IN_PRODUCTION, UnverifiedProperties, UnverifiedProperty
from tests.stacks.declared import ROOT, STACKS, changed, configured, declare, run_program

NETWORK = "gcp:compute/network:Network"
FIREWALL = "gcp:compute/firewall:Firewall"
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "jobs": ("lab", {"applications/affairs/jobs": {"year-end": {
        "image": "asia-northeast1-docker.pkg.dev/p/r/i@sha256:" + "0123456789abcdef" * 4,
        "arguments": ["--year"], "timeout-minutes": 60, "retries": 1}}}),
    "vendor": ("lab", {"applications/file-exchange/hosting": {"kind": "saas", "endpoint": "exchange.vendor.example"}}),
    "data centre": ("lab", {"applications/file-exchange/hosting": {
        "kind": "on-premises", "tokyo": ["10.200.0.10"], "osaka": ["10.200.0.11"]}}),
    "switchover": ("staging", {"applications/affairs/database/operations": [
        {"designate": "osaka"}, {"switchover": "osaka"}]}),
    "failover": ("staging", {"serving": ["osaka"], "applications/affairs/database/operations": [
        {"designate": "osaka"}, {"failover": "osaka"}]}),
}  # fmt: skip
"""What the committed files do not declare, and a board may."""


@pytest.mark.parametrize("stack", [*STACKS, *VARIANTS])
def test_the_stacks_set_nothing_that_is_not_modelled(city: City, stack: str) -> None:
    settings = changed(*VARIANTS[stack]) if stack in VARIANTS else configured(stack)
    recorder, _ = declare(city, settings)
    found = {
        (one.type, failure.path)
        for one in recorder.declared
        if one.type.startswith("gcp:")
        for failure in find_unmodelled(find_resource_type(one.type), one.inputs)
    }
    assert found == set()


def excepted(**entry: str) -> dict[str, list[dict[str, str]]]:
    whole = {"resource": NETWORK, "property": "mtu", "reason": "the links of the city ask for it"} | entry
    return {"unverified": [whole]}


@pytest.mark.parametrize("entry", [{}, {"resource": FIREWALL, "property": "params.resourceManagerTags"}])
def test_a_property_that_is_not_modelled_can_be_named(entry: dict[str, str]) -> None:
    assert len(changed("production", excepted(**entry)).unverified) == 1


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"property": "routingMode"}, "the offline Google models it"),
        ({"property": "params"}, "this is a block"),
        ({"property": "*"}, "no more than may stand there"),
        ({"property": "banana"}, "has no property of this path"),
        ({"resource": "gcp:compute/address:Address", "property": "region"}, "a type as a whole cannot be excepted"),
        ({"resource": "gcp:bigtable/instance:Instance"}, "does not know the resource type"),
        ({"reason": "why"}, "at least 10 characters"),
    ],
)
def test_an_exception_that_cannot_be_is_refused_with_its_line(entry: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigurationRefused, match=why) as refused:
        changed("lab", excepted(**entry))
    assert "unverified.0" in str(refused.value)


def test_an_exception_stands_in_the_list_once() -> None:
    with pytest.raises(ConfigurationRefused, match="stands in the list twice"):
        changed("lab", {"unverified": excepted()["unverified"] * 2})


def test_production_takes_a_limited_number() -> None:
    kind = find_resource_type("gcp:cloudrunv2/service:Service")
    paths = [path for path, one in kind.by_path.items() if one.settable and not one.children and "ports" not in path]
    free = [path for path in paths if not find_problem(kind.token, path)][: MOST_IN_PRODUCTION + 1]
    entries = [{"resource": kind.token, "property": path, "reason": "a test of the limit"} for path in free]
    assert len(entries) == MOST_IN_PRODUCTION + 1
    assert changed("staging", {"unverified": entries})
    with pytest.raises(ConfigurationRefused, match="41 properties are not verified; production takes 40 at most"):
        changed("production", {"unverified": entries})


def find_problem(token: str, path: str) -> bool:
    return bool(explain_exception(token, path))


def test_an_exception_that_nothing_needs_is_refused(city: City) -> None:
    with pytest.raises(ConfigurationRefused, match="nothing in this stack sets mtu of gcp:compute/network:Network"):
        declare(city, changed("lab", excepted()))


def watch(told: str, **inputs: Any) -> tuple[UnverifiedProperties, dict[str, Any]]:  # noqa: ANN401 any inputs
    """A program of one resource that is looked at, and what its provider is told."""
    entry = UnverifiedProperty(resource=NETWORK, property="mtu", reason="a test of the list")
    watched = UnverifiedProperties((entry,), told)
    looked_at = pulumi.ResourceOptions(transformations=[watched.look_at])

    def program() -> None:
        provider = pulumi.ProviderResource("gcp", "google", {"project": "p"}, looked_at)
        parent = pulumi.ComponentResource("tsunagu:index:Part", "part", None, looked_at)
        pulumi.CustomResource(NETWORK, "main", inputs, pulumi.ResourceOptions(provider=provider, parent=parent))

    recorder = run_program("lab", program)
    return watched, dict(next(one.inputs for one in recorder.declared if one.type == "pulumi:providers:gcp"))


def test_a_property_that_is_set_is_needed_and_the_offline_google_is_told() -> None:
    told = json.dumps([(NETWORK, "mtu")])
    watched, provider = watch(told, mtu=1460)
    assert list(watched.find_unused()) == []
    assert provider == {"project": "p", "unverified": told}


def test_the_real_google_is_told_nothing() -> None:
    watched, provider = watch("", name="main")
    assert provider == {"project": "p"}
    assert len(list(watched.find_unused())) == 1


def test_each_preview_prints_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    watched = UnverifiedProperties((UnverifiedProperty(resource=NETWORK, property="mtu", reason="a test of the list"),))
    watched.print_list()
    assert said == [f"1 properties are not verified offline:\n  {NETWORK} mtu: a test of the list"]


def test_the_list_of_the_committed_stacks_stands_in_the_readme() -> None:
    readme = Path(ROOT / "stacks" / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## What is not verified offline")[2].partition("\n## ")[0]
    assert section
    listed = [line for line in section.splitlines() if line.startswith("| `gcp:")]
    entries = {(one.resource, one.property, one.reason) for stack in STACKS for one in configured(stack).unverified}
    assert listed == [f"| `{kind}` | `{path}` | {reason} |" for kind, path, reason in sorted(entries)]
    assert ("Today the list is empty" in section) == (not entries)
