"""A file that nobody reads is refused by name: a renamed ward does not vanish."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import PolicyError
from tests.policies import PolicyFolder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("city/schools/miyamae.yml", "is not read; name it miyamae.yaml"),
        ("city/schools/miyamae.yaml.txt", "is not read; name it miyamae.yaml"),
        ("city/schools/miyamae.YAML", "is not read; name it miyamae.yaml"),
        (
            "city/schools/schools.csv",
            r"is a table, and is not read; write its rows as YAML \(here are read: \*\.yaml\)",
        ),
        ("city/schools/一覧.xlsx", "is a table, and is not read"),
        ("city/schools/.~lock.miyamae.yaml#", "is a lock file of an open program"),
        ("city/schools/~$schools.xlsx", "is a lock file of an open program"),
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
    for name in ("README.md", "city/README.ja.md", ".gitignore", "city/.keep", "LICENSE", "docs/notes.yaml", "ci.sh"):
        path = policies.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n", encoding="utf-8")
    assert policies.load().schools
