"""A file that nobody reads is refused by name: a renamed ward does not vanish."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import PolicyError
from controller.model.loading.load_city import load_city
from tests.policies import PolicyFolder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("city/schools/miyamae.yml", "is not read; name it miyamae.yaml"),
        ("city/schools/miyamae.yaml.txt", "is not read; name it miyamae.yaml"),
        ("city/schools/miyamae.YAML", "is not read; name it miyamae.yaml"),
        (
            "city/schools/schools.csv",
            r"is a table, and is not read; move it out, and bring its schools in by 'tsunagu import' \(here are read: ",
        ),
        ("city/schools/一覧.xlsx", "is a table, and is not read"),
        ("city/schools/.~lock.miyamae.yaml#", "is a lock file of an open program"),
        ("city/schools/~$schools.xlsx", "is a lock file of an open program"),
        ("city/schools/.~lock.miyamae.yaml", "is a lock file of an open program"),
        ("city/schools/~$miyamae.yaml", "is a lock file of an open program"),
        ("city/schools/.#miyamae.yaml", "is a lock file of an open program"),
        ("city/schools/._miyamae.yaml", "is what macOS writes beside a file"),
        ("access/prefixes/._x.yaml", "is what macOS writes beside a file"),
        ("city/cty.yaml", "is not read; move it out of the policy folder"),
        ("city/schools/old/asao.yaml", "is not read; move it out of the policy folder"),
        ("access/rules.json", "is not read; move it out of the policy folder"),
        ("access/prefixes/drills", "is not read; move it out of the policy folder"),
        ("city/schools/.miyamae.yml", "is not read; name it .miyamae.yaml"),
        (".miyamae.yaml.txt", "is not read; name it .miyamae.yaml"),
        ("~$measurement.xlsx", "is a lock file of an open program"),
        ("city/schools/asao.yaml~", "is not read; move it out of the policy folder"),
        ("city/schools/asao.yaml.bak", "is not read; move it out of the policy folder"),
        ("measurement.yml", "is not read; name it measurement.yaml"),
        ("rules.yaml", "is not read; move it out of the policy folder"),
        ("stack-outputs/lab.yaml", "is not read; move it out of the policy folder"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path: Path, name: str, said: str) -> None:
    policies = PolicyFolder(tmp_path)
    path = policies.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("format: 1\n", encoding="utf-8")
    shown = name.rpartition("/old/")[0] + "/old" if "/old/" in name else name
    with pytest.raises(PolicyError, match=said) as refused:
        policies.load()
    assert any(str(problem.origin) == f"{policies.path}/{shown}:1" for problem in refused.value.problems)


def test_what_is_hidden_and_what_explains_the_folder_may_stand_there(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    for name in (
        "README.md",
        "city/README.ja.md",
        ".gitignore",
        "city/.keep",
        "LICENSE",
        "docs/notes.md",
        "ci.sh",
        ".ci/x.yaml",
    ):
        path = policies.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n", encoding="utf-8")
    assert policies.load().schools


@pytest.mark.parametrize(
    ("moved", "to", "meant"),
    [
        ("city/schools/asao.yaml", "schools/asao.yaml", "stands in city/schools/"),
        ("city/schools/asao.yaml", "Schools/asao.yaml", "stands in city/schools/"),
        ("city/schools/asao.yaml", "City/asao.yaml", "stands in city/"),
        ("city/schools/asao.yaml", "school/asao.yaml", "holds files that look like the policy's"),
        ("city/schools/asao.yaml", "school/north/deep/asao.yml", "holds files that look like the policy's"),
        ("access/prefixes/drills.yaml", "prefixes/drills.yaml", "stands in access/prefixes/"),
        ("stack-outputs/lab.json", "stack_outputs/lab.json", "stands in stack-outputs/"),
    ],
)
def test_a_folder_that_looks_like_the_policys_is_refused(tmp_path: Path, moved: str, to: str, meant: str) -> None:
    policies = PolicyFolder(tmp_path)
    path = policies.path / to
    path.parent.mkdir(parents=True)
    (policies.path / moved).rename(path)
    stray = to.partition("/")[0]
    assert any(one.startswith(f"{stray}:1: ") and meant in one for one in policies.problems())


def test_a_file_beside_those_that_links_lead_to_is_refused(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    (policies.path / "data").mkdir()
    (policies.path / "access/rules.yaml").rename(policies.path / "data/rules.yaml")
    (policies.path / "access/rules.yaml").symlink_to("../data/rules.yaml")
    assert policies.problems() == []
    (policies.path / "city/schools/asao.yaml").rename(policies.path / "data/asao.yaml")
    assert any(one.startswith("data:1: holds files that look like the policy's") for one in policies.problems())


def test_a_companion_of_a_file_is_not_parsed(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    (policies.path / "city/schools/.#asao.yaml").symlink_to("sato@host.1234:1")
    (policies.path / "city/schools/._asao.yaml").write_bytes(b"\x00\x05\x16\x07\xb0")
    first, second = policies.problems()
    assert first.startswith("city/schools/.#asao.yaml:1: is a lock file")
    assert second.startswith("city/schools/._asao.yaml:1: is what macOS")


def test_a_file_in_the_place_of_the_folder_is_called_one(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    with pytest.raises(PolicyError, match="is a file, not a folder; --policies DIR"):
        load_city(policies.path / "measurement.yaml")


def test_a_loop_of_links_is_refused_with_its_name(tmp_path: Path) -> None:
    """Path.resolve raises RuntimeError there, up to Python 3.12."""
    policies = PolicyFolder(tmp_path)
    (policies.path / "access/prefixes/workspace.yaml").unlink()
    (policies.path / "access/prefixes/workspace.yaml").symlink_to("workspace.yaml")
    (policies.path / "loop").symlink_to("loop")
    with pytest.raises(PolicyError, match=r"access/prefixes/workspace\.yaml"):
        policies.load()


def test_no_question_where_a_path_leads_fails_at_a_loop() -> None:
    root = Path(__file__).parents[2]
    asked = [
        f"{file.relative_to(root)}: {line.strip()}"
        for folder in ("controller", "playbooks", "monitoring")
        for file in (root / folder).rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if ".resolve()" in line and "__file__" not in line
    ]
    assert asked == []
