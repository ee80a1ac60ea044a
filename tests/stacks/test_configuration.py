from __future__ import annotations

import json
import re
from typing import Any

import pytest

from stacks.settings.configuration import (
    ConfigurationRefused,
    StackConfiguration,
    applications_problems,
    configuration,
)
from stacks.settings.outputs import OUTPUT, write_outputs
from tests.stacks.declared import STACKS, configured, file, values


def refusal(stack: str, changed: dict[str, str]) -> str:
    with pytest.raises(ConfigurationRefused) as refused:
        configuration(stack, changed, file(stack))
    return str(refused.value)


def nested(key: str, **changes: Any) -> dict[str, str]:  # noqa: ANN401 any JSON
    known = values("production")
    return {**known, f"tsunagu:{key}": json.dumps({**json.loads(known[f"tsunagu:{key}"]), **changes})}


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_configurations_are_taken(stack: str) -> None:
    assert configured(stack).environment == stack


@pytest.mark.parametrize("key", sorted(StackConfiguration.model_json_schema(by_alias=True)["required"]))
def test_a_missing_key_is_refused_with_the_file(key: str) -> None:
    known = values("lab")
    del known[f"tsunagu:{key}"]
    assert re.search(rf"Pulumi\.lab\.yaml:\d+: {key}: required key is missing", refusal("lab", known))


def test_an_unknown_key_is_refused_with_file_and_line() -> None:
    message = refusal("production", nested("database", tear="db-f1-micro"))
    line = next(
        number
        for number, text in enumerate(file("production").read_text(encoding="utf-8").splitlines(), start=1)
        if "tsunagu:database:" in text
    )
    assert f"Pulumi.production.yaml:{line}: database.tear: unknown key" in message


def test_all_problems_are_named_at_once() -> None:
    known = {**values("lab"), "tsunagu:domain": "not a name", "tsunagu:extra": "x"}
    message = refusal("lab", known)
    assert "domain" in message
    assert "extra: unknown key" in message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({**values("production"), "tsunagu:protected": "false"}, "only in the lab"),
        ({**values("production"), "tsunagu:environment": "staging"}, "this is the configuration of 'staging'"),
        ({**values("production"), "tsunagu:serving": "[]"}, "serving"),
        ({**values("production"), "tsunagu:serving": '["tokyo", "tokyo"]'}, "names a region twice"),
        ({**values("production"), "tsunagu:serving": '["seoul"]'}, "serving.0"),
        (nested("audit", **{"retention-days": 90}), "greater than or equal to 184"),
        (nested("network", tokyo="10.251.240.0/24"), "overlap"),
        (nested("database", edition="ENTERPRISE"), "at most 7 days"),
        (nested("database", generation=None), "only in the lab"),
        (nested("google", project="X"), "google.project"),
        (nested("applications", affairs={"host": "affairs", "hosting": {"kind": "barn"}}), "hosting"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, str], message: str) -> None:
    assert message in refusal("production", changed)


def test_an_image_without_a_digest_is_refused() -> None:
    hosting = {"kind": "cloud-run", "image": "asia-northeast1-docker.pkg.dev/p/a/affairs:latest", "instances": [0, 1]}
    changed = nested("applications", affairs={"host": "affairs", "hosting": hosting})
    assert "affairs.hosting.cloud-run.image" in refusal("production", changed)


def test_applications_must_be_those_of_the_policy() -> None:
    problems = applications_problems(configured("lab"), {"affairs": "staff", "new": "pupil"}, file("lab"))
    found = {(problem.field, problem.message.partition(";")[0]) for problem in problems}
    assert ("applications.new", "the policy has this application") in found
    assert ("applications.staff-ai", "the policy has no such cloud application") in found


def test_outputs_are_written_whole(tmp_path: Any) -> None:  # noqa: ANN401 pytest's path
    placed = {"affairs": {"host": "a.example", "ipv4": ["203.0.113.1"], "ipv6": ["2001:db8::1"]}}
    path = write_outputs(tmp_path, "lab", 3, {OUTPUT: {"applications": placed}})
    assert json.loads(path.read_text(encoding="utf-8")) == {"stack": "lab", "version": 3, "applications": placed}
    assert [one.name for one in path.parent.iterdir()] == ["lab.json"]
