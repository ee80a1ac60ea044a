"""`tsunagu migrate`, run as a user would."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from controller.cli.output import Exit
from tests.cli.running import ROOT, here
from tests.policies import PolicyFolder

OLD_STACK = ROOT / "tests/stacks/formats/Pulumi.production.format-1.yaml"
RULES = "access/rules.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> PolicyFolder:
    made = PolicyFolder(tmp_path)
    stacks = tmp_path / "stacks/config"
    stacks.mkdir(parents=True)
    for path in (ROOT / "stacks/config").glob("Pulumi.*.yaml"):
        shutil.copy(path, stacks)
    return made


def test_files_of_today_need_nothing(folder: PolicyFolder, tmp_path: Path) -> None:
    done = here("migrate", cwd=tmp_path)
    assert (done.code, done.errors) == (Exit.GOOD, "")
    assert done.said.endswith("files, all of today's formats\n")
    assert folder.load().files.older == ()


def test_nothing_is_written_without_write(folder: PolicyFolder, tmp_path: Path) -> None:
    folder.edit(RULES, "format: 1\n", "")
    path = folder.path / RULES
    before = path.read_bytes()
    shown = here("migrate", cwd=tmp_path)
    assert shown.code == Exit.DIFFERS
    assert "+format: 1\n" in shown.said
    assert "nothing was written (--write does)" in shown.said
    assert path.read_bytes() == before
    written = here("migrate", "--write", cwd=tmp_path)
    assert (written.code, written.errors) == (Exit.GOOD, "")
    assert "+format: 1\n" in written.said
    assert path.read_bytes() != before
    assert here("migrate", "--write", cwd=tmp_path).said.endswith("all of today's formats\n")


def test_a_stack_of_format_1_is_rewritten_too(folder: PolicyFolder, tmp_path: Path) -> None:
    stack = tmp_path / "stacks/config/Pulumi.production.yaml"
    # The old file names no regions and nobody to tell, and a migration adds none.
    today = re.sub(rb"  tsunagu:(regions|monitoring):.*\n(    .*\n)+", b"", stack.read_bytes())
    shutil.copy(OLD_STACK, stack)
    done = here("migrate", "--write", "--json", cwd=tmp_path)
    assert done.code == Exit.GOOD
    document = json.loads(done.said)
    assert document["written"] is True
    (one,) = document["rewrites"]
    assert (one["file"], one["from"], one["to"]) == ("stacks/config/Pulumi.production.yaml", 1, 2)
    assert stack.read_bytes() == today
    assert folder.load().files.older == ()


def test_what_leaves_the_policies_is_told_for_the_operators_file(folder: PolicyFolder, tmp_path: Path) -> None:
    folder.edit("city/city.yaml", "format: 2", "format: 1")
    access = "device-access: {user: admin, password: {env: P}, known-hosts: /etc/tsunagu/known_hosts}"
    folder.edit("city/city.yaml", "device-access: {default: switches}", access)
    shown = here("migrate", cwd=tmp_path)
    assert shown.code == Exit.DIFFERS
    assert "write this into the operators' file" in shown.said
    assert "      user: admin\n" in shown.said
    (one,) = json.loads(here("migrate", "--json", cwd=tmp_path).said)["rewrites"]
    assert "    known-hosts: /etc/tsunagu/known_hosts" in one["operators_file"]


def test_a_newer_file_is_refused_by_name(folder: PolicyFolder, tmp_path: Path) -> None:
    edit = folder.edit(RULES, "format: 1", "format: 4")
    done = here("migrate", "--write", cwd=tmp_path)
    assert done.code == Exit.FAILED
    assert f"policies/{RULES}:{edit.line}: is of format 4; this release of Tsunagu knows formats up to 1" in done.errors


def test_a_folder_that_is_not_there_is_refused(folder: PolicyFolder, tmp_path: Path) -> None:
    assert folder.path.is_dir()
    for words in (("--policies", "nothing"), ("--stacks", "nothing")):
        done = here("migrate", *words, cwd=tmp_path)
        assert done.code == Exit.FAILED
        assert "there is no folder nothing" in done.errors


def test_check_says_which_file_to_migrate(folder: PolicyFolder, tmp_path: Path) -> None:
    edit = folder.edit(RULES, "format: 1\n", "")
    done = here("check", "--on", "2026-12-01", cwd=tmp_path)
    assert done.code == Exit.GOOD
    assert f"policies/{RULES}:{edit.line}: warning: older format: does not say" in done.said
