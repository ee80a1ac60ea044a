from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.check_shell import (
    ROOT,
    build_device_programs,
    find_unheld,
    lint_program,
    lint_script,
    list_scripts,
    main,
)

BAD = "#!/bin/sh\nname=$1\nrm -r $name\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "first", "kind"),
    [
        ("run", "#!/usr/bin/env bash", "script"),
        ("run", "#!/bin/sh", "script"),
        ("run", "#! /bin/dash -e", "script"),
        ("a.sh", "#!/bin/sh", "script"),
        ("a.sh", "echo", "part"),
        ("run", "#!/usr/bin/env python3", ""),
        ("run", "#!/usr/bin/env fish", ""),
        ("a.txt", "about #!/bin/sh", ""),
    ],
)
def test_scripts_are_found_by_their_first_line(project: Path, name: str, first: str, kind: str) -> None:
    file = project / name
    file.write_text(f"{first}\n", encoding="utf-8")
    scripts, parts = list_scripts(project)
    assert scripts == ([file] if kind == "script" else [])
    assert parts == ([file] if kind == "part" else [])


def test_a_finding_names_file_and_line(project: Path) -> None:
    file = project / "bad.sh"
    file.write_text(BAD, encoding="utf-8")
    (finding,) = lint_script(file, project)
    assert (finding.place, finding.line) == ("bad.sh", 3)
    assert finding.message.startswith("SC2086 (info): Double quote")


def test_a_script_that_is_bad_fails_the_check(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "bad").write_text(BAD, encoding="utf-8")
    assert main(project) == 1
    assert "bad:3: SC2086" in capsys.readouterr().out


def test_a_program_is_linted_as_it_runs_on_the_device() -> None:
    """A name that only the other part gives a value is known in the whole, and in no part alone."""
    whole = 'home=/var\nhold() { exec 9>"$home/guard"; }\nhold\n'
    assert list(lint_program("x", whole)) == []
    (finding,) = lint_program("x", whole.partition("\n")[2])
    assert (finding.place, finding.line) == ("(program of x)", 1)
    assert "SC2154" in finding.message
    assert 'exec 9>"$home/guard"' in finding.message


def test_a_part_that_no_program_holds_is_refused(project: Path) -> None:
    held, unheld = project / "held.sh", project / "unheld.sh"
    held.write_text("one() { :; }\n", encoding="utf-8")
    unheld.write_text("two() { :; }\n", encoding="utf-8")
    (finding,) = find_unheld([held, unheld], {"x": "a=1\none() { :; }\none\n"}, project)
    assert str(finding) == "unheld.sh:1: begins with no shell, and no device's program holds it"


def test_all_shell_of_this_project_is_seen() -> None:
    scripts, parts = list_scripts(ROOT)
    names = {str(one.relative_to(ROOT)) for one in scripts}
    assert {".ci/run", "tools/setup.sh", "tools/engine/pulumi-language-python"} <= names
    assert [one.name for one in parts] == ["own_restore.sh"]
    assert {"ovs", "frr", "hostapd"} <= build_device_programs().keys()


def test_the_shell_of_this_project_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
