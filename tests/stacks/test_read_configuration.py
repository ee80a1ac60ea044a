"""How a stack's configuration is read: formats, keys that nothing reads, lines of refusals, applications."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from stacks.settings.read_configuration import (
    ConfigurationRefused,
    choose_named_file,
    find_application_problems,
    parse_stack_configuration,
)
from tests.stacks.declared import REMOVED, STACKS, changed, changed_values, configured, file, values
from tests.stacks.test_configuration import refusal

OLD_DATABASE = {
    "edition": "ENTERPRISE_PLUS",
    "tier": "db-perf-optimized-N-8",
    "availability": "REGIONAL",
    "disk-gigabytes": 500,
    "backups": 35,
    "log-days": 14,
    "primary": "tokyo",
    "generation": 1,
}


def line_of(stack: str, text: str) -> int:
    lines = file(stack).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def format_1(stack: str) -> dict[str, object]:
    """What changes a file of format 2 into the one of format 1 that said the same."""
    affairs = json.loads(values(stack)["tsunagu:applications"])["affairs"]
    return {
        "format": REMOVED,
        "database": affairs["database"],
        "applications/affairs/database": REMOVED,
        "applications/affairs/files": REMOVED,
    }


@pytest.mark.parametrize("stack", STACKS)
def test_a_file_of_format_1_is_refused_with_what_to_write(stack: str) -> None:
    message = refusal(stack, format_1(stack))
    assert "format: required key is missing, so the file is of format 1" in message
    assert 'write `tsunagu:format: "2"`' in message
    assert message.count("tsunagu migrate") == 2


@pytest.mark.parametrize("stack", STACKS)
def test_the_line_to_write_instead_of_the_old_database_is_right(stack: str) -> None:
    """Taken as it is printed, and put where the message says, it is the configuration that is committed."""
    old = format_1(stack)
    message = refusal(stack, {"database": old["database"]})
    assert "under `tsunagu:applications: <id>:` (affairs, file-exchange, staff-ai, learning-dashboard)" in message
    printed = message.partition("the line `")[2].partition("`")[0]
    written = yaml.safe_load(printed)
    assert list(written) == ["database"]
    assert changed(stack, {"applications/affairs/database": written["database"]}) == configured(stack)


@pytest.mark.parametrize("given", ["1", "0", "two", "", "-2", "2.0"])
def test_another_format_is_refused(given: str) -> None:
    message = refusal("lab", {"format": given})
    assert f"Pulumi.lab.yaml:{line_of('lab', 'tsunagu:format')}: format: {given!r} is not the format" in message


def test_a_number_that_no_format_has_is_refused_in_few_words() -> None:
    message = refusal("lab", {"format": "9" * 5000})
    assert "is not the format that this release reads" in message
    assert len(message) < 1000


@pytest.mark.parametrize("path", ["database", "files", "jobs", "database/operations", "database/standby", "host"])
def test_a_key_without_a_value_is_refused_once(path: str) -> None:
    """`database:` whose lines are gone would let go of the database without a word."""
    message = refusal("production", {f"applications/affairs/{path}": None})
    field = f"applications.affairs.{path.replace('/', '.')}"
    assert f": {field}: the key has no value: write one, or remove the key" in message
    assert message.count(f": {field}: ") == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("regions/0/name", ""),
        ("regions/0/name", " "),
        ("google/project-number", "9" * 21),
        ("google/access-policy", "x"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused(path: str, value: str) -> None:
    first, *rest = path.split("/")
    given = json.loads(values("production")[f"tsunagu:{first}"])
    above = given
    for part in rest[:-1]:
        above = above[int(part)]
    above[rest[-1]] = value
    message = refusal("production", {first: given})
    assert f": {path.replace('/', '.')}: " in message
    assert f"(found {value!r})" in message


def test_faults_of_regions_and_of_other_settings_are_told_at_once() -> None:
    """Each at its own key; what follows from the regions is judged when nothing is wrong with them."""
    affairs = "applications/affairs/database"
    changes = {
        "serving": ["tokyo", "seoul"],
        "network/services": "10.250.40.0/21",
        "audit/locked": False,
        f"{affairs}/availability": "ZONAL",
        f"{affairs}/log-days": 36,
        f"{affairs}/tier": "db-custom-2-7680",
    }
    message = refusal("production", changes)
    assert {line.split(": ", 2)[1] for line in message.splitlines()[1:]} == {
        "serving.1",
        "network.services",
        "applications.affairs.database.tier",
        "applications.affairs.database.log-days",
        "audit.locked",
        "applications.affairs.database.availability",
    }


def test_a_newer_format_is_refused_by_its_number_alone() -> None:
    """What else it says is not for this release to judge."""
    message = refusal("lab", {"format": "3", "stores": {}, "domain": REMOVED, "database": OLD_DATABASE})
    assert "format: the file is of format 3; this release of Tsunagu reads formats up to 2" in message
    assert len(message.splitlines()) == 2


def test_the_old_database_is_refused_though_nothing_else_is_wrong() -> None:
    message = refusal("production", {"database": OLD_DATABASE})
    assert message.splitlines()[1:] == [line for line in message.splitlines() if ": database: nothing reads it" in line]
    assert len(message.splitlines()) == 2


def test_the_old_database_without_an_application_that_could_have_it() -> None:
    saas = {"host": "a", "hosting": {"kind": "saas", "endpoint": "a.example"}}
    message = refusal(
        "production", {"database": OLD_DATABASE, "applications": {"a": saas, "b": 1, "c": {"hosting": 2}}}
    )
    assert "(one that runs on Cloud Run)" in message
    assert "(one that runs on Cloud Run)" in refusal("production", {"database": "x", "applications": "y"})


@pytest.mark.parametrize("key", ["gcp:region", "tsunaguu:domain", "other"])
def test_a_key_that_is_not_ours_is_refused(key: str) -> None:
    given = {**values("lab"), key: "asia-northeast1"}
    with pytest.raises(ConfigurationRefused, match=f"{key}: nothing reads this key; those of a stack begin with"):
        parse_stack_configuration("lab", given, file("lab"))


def test_what_the_engine_itself_reads_is_left_alone() -> None:
    assert parse_stack_configuration("lab", {**values("lab"), "pulumi:tags": "{}"}, file("lab")) == configured("lab")


@pytest.mark.parametrize("key", ["tsunagu:domain", "Config", "policies"])
def test_a_key_outside_the_configuration_is_refused_with_its_line(tmp_path: Path, key: str) -> None:
    text = file("lab").read_text(encoding="utf-8")
    copy = tmp_path / "Pulumi.lab.yaml"
    copy.write_text(f"{text}{key}: x\n", encoding="utf-8")
    with pytest.raises(ConfigurationRefused) as refused:
        parse_stack_configuration("lab", values("lab"), copy)
    at = len(text.splitlines()) + 1
    assert f"{copy}:{at}: {key}: nothing reads this key; settings stand under 'config'" in str(refused.value)


@pytest.mark.parametrize("key", ["encryptionsalt", "encryptedkey", "secretsprovider", "environment"])
def test_what_the_engine_keeps_in_the_file_is_known(tmp_path: Path, key: str) -> None:
    copy = tmp_path / "Pulumi.lab.yaml"
    copy.write_text(f"config: {{}}\n{key}: x\n", encoding="utf-8")
    assert parse_stack_configuration("lab", values("lab"), copy) == configured("lab")


def test_an_unknown_key_is_refused_with_file_and_line() -> None:
    message = refusal("production", {"applications/staff-ai/database": {"tear": 1}})
    line = line_of("production", "    staff-ai:")
    assert f"Pulumi.production.yaml:{line}: applications.staff-ai.database.tear: unknown key" in message
    message = refusal("production", {"applications/affairs/database/backups": 1})
    assert f"Pulumi.production.yaml:{line_of('production', 'backups:')}: applications.affairs.database" in message


def test_all_problems_are_named_at_once() -> None:
    message = refusal("lab", {"domain": "not a name", "extra": "x", "format": REMOVED, "database": {"tier": "db-x"}})
    assert [line.split(": ")[1] for line in message.splitlines()[1:]] == ["database", "extra", "format", "domain"]
    assert "extra: unknown key" in message


def test_a_wrong_environment_is_named_beside_what_nothing_reads() -> None:
    message = refusal("lab", {"environment": "staging", "protected": "true", "database": {"tier": "db-x"}} | numbered())
    assert "this is the configuration of 'staging'; the stack is 'lab'" in message
    assert "database: nothing reads it" in message
    assert f":{line_of('lab', 'tsunagu:environment')}: environment: " in message


def numbered() -> dict[str, object]:
    return {"applications/affairs/database/generation": 1}


def test_a_value_that_is_no_json_is_named() -> None:
    assert "network" in refusal("lab", {"network": "{tokyo"})


def test_a_text_that_only_begins_like_json_is_a_text() -> None:
    for text in ("{draft}/policies", "[draft] policies"):
        assert changed("lab", {"policies": text}).policies == text


def test_a_stack_without_its_file_is_refused_with_line_1() -> None:
    nowhere = Path("stacks/config/Pulumi.nowhere.yaml")
    with pytest.raises(ConfigurationRefused, match=r"Pulumi\.nowhere\.yaml:1: domain: required key is missing"):
        parse_stack_configuration("lab", changed_values("lab", {"domain": REMOVED}), nowhere)
    assert parse_stack_configuration("lab", values("lab"), nowhere) == configured("lab")


def test_applications_must_be_those_of_the_policy() -> None:
    problems = find_application_problems(configured("lab"), {"affairs": "staff", "new": "pupil"}, file("lab"))
    found = {(problem.field, problem.message.partition(";")[0], problem.origin.line) for problem in problems}
    applications = line_of("lab", "tsunagu:applications")
    unknown = "the policy has no such cloud application"
    assert found == {
        ("applications.new", "the policy has this application", applications),
        ("applications.file-exchange", unknown, line_of("lab", "    file-exchange:")),
        ("applications.staff-ai", unknown, line_of("lab", "    staff-ai:")),
        ("applications.learning-dashboard", unknown, line_of("lab", "    learning-dashboard:")),
    }
    same = dict.fromkeys(configured("lab").applications, "staff")
    assert find_application_problems(configured("lab"), same, file("lab")) == []


def test_a_public_application_is_named_by_policy_and_stack() -> None:
    audiences = dict.fromkeys(configured("lab").applications, "staff")
    opened = {**audiences, "staff-ai": "public"}
    (problem,) = find_application_problems(configured("lab"), opened, file("lab"))
    assert (problem.field, problem.message.partition(";")[0]) == ("public", "the policy opens 'staff-ai' to everybody")
    named = changed("lab", {"public": "staff-ai"})
    assert find_application_problems(named, opened, file("lab")) == []
    (problem,) = find_application_problems(named, audiences, file("lab"))
    assert (problem.field, problem.message) == ("public", "the policy does not open 'staff-ai' to everybody")


@pytest.mark.parametrize("stack", STACKS)
def test_a_refusal_names_the_file_that_the_engine_read(stack: str) -> None:
    """With `--config-file` the engine hands over other values than the stack's file has, and does not say whose."""
    assert choose_named_file({**values(stack), "pulumi:tags": "x"}, file(stack)) == file(stack)
    for changes in ({"audit/retention-days": 365}, {"domain": "another.example"}, {"public": "affairs"}):
        assert choose_named_file(changed_values(stack, changes), file(stack)) == Path("--config-file")
    assert choose_named_file(values(stack), Path("nowhere.yaml")) == Path("--config-file")


def test_a_value_may_be_written_with_or_without_quotes(tmp_path: Path) -> None:
    copy = tmp_path / "Pulumi.lab.yaml"
    text = file("lab").read_text(encoding="utf-8")
    copy.write_text(text.replace('tsunagu:protected: "false"', "tsunagu:protected: false"), encoding="utf-8")
    assert choose_named_file(values("lab"), copy) == copy


def test_a_refusal_shows_the_file_from_the_projects_folder() -> None:
    line = line_of("lab", "instances:")
    message = refusal("lab", {"applications/affairs/hosting/instances": [3, 1]})
    assert f" stacks/config/Pulumi.lab.yaml:{line}: applications.affairs.hosting.instances" in message
