"""Files of older formats, rewritten: comments and layout kept, all or nothing, once and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from controller.errors import InputRefused
from controller.model.formats.migration import NUMBERED, FileFormat, Migration, MigrationRefused
from controller.model.loading.rewrite_older_formats import (
    MigrationFailed,
    find_policy_files,
    plan_rewrites,
    write_rewrite,
)
from controller.model.policy_files import POLICY_FILES, PolicyFile
from controller.operations.operators_file import load_operations
from tests.policies import SHIPPED, PolicyFolder

NUMBER = re.compile(r'^(format: [12]|  "format": 1,)\n', re.MULTILINE)


def shipped(policies: PolicyFolder) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path, _ in find_policy_files(policies.path)}


def of_format_0(policies: PolicyFolder) -> dict[Path, str]:
    """Write every file as it was before formats had numbers; what each is today."""
    today = shipped(policies)
    for path, text in today.items():
        old, count = NUMBER.subn("", text)
        assert count == 1, path
        path.write_text(old, encoding="utf-8")
    return today


def test_the_shipped_policy_is_of_todays_formats() -> None:
    files = list(find_policy_files(SHIPPED))
    assert len(files) >= len(POLICY_FILES)
    assert plan_rewrites(files) == []


def test_a_policy_without_numbers_becomes_the_one_of_today_byte_for_byte(policies: PolicyFolder) -> None:
    today = of_format_0(policies)
    rewrites = plan_rewrites(find_policy_files(policies.path))
    assert {one.path for one in rewrites} == set(today)
    assert {(one.found, one.steps[0]) for one in rewrites} == {(0, NUMBERED.summary)}
    assert not any(one.advice for one in rewrites)
    assert shipped(policies) != today
    for one in rewrites:
        write_rewrite(one)
    assert shipped(policies) == today
    assert plan_rewrites(find_policy_files(policies.path)) == []
    policies.load()


BLOCK = """device-access:
  user: tsunagu # the switches' user
  password: {env: TSUNAGU_SWITCH_PASSWORD}
  known-hosts: .tsunagu/known_hosts # pinned host keys
"""
FLOW = "device-access: {user: a, key: {file: /k}, known-hosts: /etc/known_hosts, port: 2222}\n"


@pytest.mark.parametrize(
    ("old", "advice"),
    [
        (BLOCK, ["user: tsunagu", "env: TSUNAGU_SWITCH_PASSWORD", "known-hosts: ~/.config/tsunagu/known_hosts"]),
        (FLOW, ["user: a", "file: /k", "known-hosts: /etc/known_hosts", "port: 2222"]),
    ],
)
def test_an_access_leaves_the_policies_and_is_told_for_the_operators_file(
    policies: PolicyFolder, tmp_path: Path, old: str, advice: list[str]
) -> None:
    today = shipped(policies)
    policies.edit("city/city.yaml", "format: 2", "format: 1")
    policies.edit("city/city.yaml", "device-access: {default: switches}\n", old)
    policies.edit("city/lab.yaml", "format: 2", "format: 1")
    policies.append("city/lab.yaml", old)
    assert any("run: tsunagu migrate --write" in problem for problem in policies.problems())
    rewrites = plan_rewrites(find_policy_files(policies.path))
    assert {(one.path.name, one.found, one.current) for one in rewrites} == {("city.yaml", 1, 2), ("lab.yaml", 1, 2)}
    for one in rewrites:
        write_rewrite(one)
    assert shipped(policies) == today
    city, lab = sorted(rewrites, key=lambda one: one.path.name)
    assert lab.advice == ()
    assert all(any(line.strip() == wanted for line in city.advice) for wanted in advice)
    operators_file = tmp_path / "operators.yaml"
    operators_file.write_text("\n".join(city.advice), encoding="utf-8")
    operators_file.chmod(0o600)
    assert list(load_operations(operators_file).access) == ["switches"]


def test_a_diff_shows_each_change(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "format: 1\n", "")
    (one,) = plan_rewrites(find_policy_files(policies.path))
    changed = [line for line in one.format_diff().splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["+format: 1"]
    assert f"+++ {policies.path}/access/rules.yaml (format 1)" in one.format_diff()


def test_nothing_is_written_when_one_file_cannot_be_rewritten(policies: PolicyFolder) -> None:
    of_format_0(policies)
    before = shipped(policies)
    line = policies.append("access/rules.yaml", "format: 9\n")
    policies.append("access/flows.yaml", "\tx: [\n")
    policies.write("city/groups.yaml", "- no fields\n")
    with pytest.raises(MigrationFailed, match="Nothing was written") as refused:
        plan_rewrites(find_policy_files(policies.path))
    named = {
        str(problem.origin).replace(f"{policies.path}/", "").partition(":")[0] for problem in refused.value.problems
    }
    assert named == {"access/rules.yaml", "access/flows.yaml", "city/groups.yaml"}
    assert f"access/rules.yaml:{line}: is of format 9; this release of Tsunagu knows formats up to 1" in str(
        refused.value
    )
    after = shipped(policies)
    assert all(
        after[path] == text
        for path, text in before.items()
        if path.name not in {"rules.yaml", "flows.yaml", "groups.yaml"}
    )


def test_a_file_that_changed_meanwhile_is_left_alone(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "format: 1\n", "")
    (one,) = plan_rewrites(find_policy_files(policies.path))
    policies.append("access/rules.yaml", "# somebody writes\n")
    kept = one.path.read_text(encoding="utf-8")
    with pytest.raises(MigrationFailed, match="has changed since it was read"):
        write_rewrite(one)
    assert one.path.read_text(encoding="utf-8") == kept


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    policies: PolicyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.edit("access/rules.yaml", "format: 1\n", "")
    (one,) = plan_rewrites(find_policy_files(policies.path))
    beside = sorted(path.name for path in one.path.parent.iterdir())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_rewrite(one)
    assert one.path.read_text(encoding="utf-8") == one.before
    assert sorted(path.name for path in one.path.parent.iterdir()) == beside


def test_the_mode_and_the_link_of_a_file_stay(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "format: 1\n", "")
    path = policies.path / "access/rules.yaml"
    elsewhere = path.rename(policies.path / "rules-of-all.yaml")
    elsewhere.chmod(0o640)
    path.symlink_to("../rules-of-all.yaml")
    (one,) = plan_rewrites(find_policy_files(policies.path))
    write_rewrite(one)
    assert path.is_symlink()
    assert elsewhere.read_text(encoding="utf-8") == one.after
    assert elsewhere.stat().st_mode & 0o777 == 0o640


def test_a_file_behind_a_link_out_of_the_folder_is_not_written_to(policies: PolicyFolder, tmp_path: Path) -> None:
    policies.edit("access/rules.yaml", "format: 1\n", "")
    path = policies.path / "access/rules.yaml"
    elsewhere = path.rename(tmp_path / "rules.yaml")
    before = elsewhere.read_bytes()
    path.symlink_to("../../rules.yaml")
    with pytest.raises(InputRefused, match="leads out of its folder"):
        list(find_policy_files(policies.path))
    assert elsewhere.read_bytes() == before


class Empty(BaseModel):
    """Any contents."""


def rename_speed(text: str) -> str:
    if "unknown:" in text:
        message = "nobody knows what `unknown` meant; delete it"
        raise MigrationRefused(message)
    return text.replace("speed:", "mbps:")


THREE = PolicyFile(
    "lines/*.yaml",
    Empty,
    format=3,
    migrations=(
        NUMBERED,
        Migration(1, "`speed` is `mbps`", rename_speed),
        Migration(2, "`mbps` ends the line", lambda text: text.replace("mbps: 1", "mbps: 1 # Mbit/s")),
    ),
)


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        ("# a\nspeed: 1\n", "# a\nformat: 3\nmbps: 1 # Mbit/s\n", 3),
        ("format: 1\nspeed: 1\n", "format: 3\nmbps: 1 # Mbit/s\n", 2),
        ("format: 2\nmbps: 1\n", "format: 3\nmbps: 1 # Mbit/s\n", 1),
    ],
)
def test_every_older_format_takes_each_later_step_once(tmp_path: Path, before: str, after: str, steps: int) -> None:
    path = tmp_path / "lines/a.yaml"
    path.parent.mkdir()
    path.write_text(before, encoding="utf-8")
    (one,) = plan_rewrites(find_policy_files(tmp_path, (THREE,)))
    assert (one.after, len(one.steps)) == (after, steps)
    write_rewrite(one)
    assert plan_rewrites(find_policy_files(tmp_path, (THREE,))) == []


def test_a_step_that_does_not_know_how_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MigrationRefused, match="delete it"):
        THREE.file_format.migrate_text("unknown: 1\n")
    path = tmp_path / "lines/a.yaml"
    path.parent.mkdir()
    path.write_text("unknown: 1\n", encoding="utf-8")
    with pytest.raises(MigrationFailed, match=r"lines/a\.yaml:1: nobody knows what `unknown` meant; delete it"):
        plan_rewrites(find_policy_files(tmp_path, (THREE,)))


def test_a_number_that_is_none_is_refused() -> None:
    for written in ("0", "x", "-1", "1.5"):
        with pytest.raises(MigrationRefused, match="must be a whole number from 1 on"):
            FileFormat(1).migrate_text(f"format: {written}\nrules: []\n")
