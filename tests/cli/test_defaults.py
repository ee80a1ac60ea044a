"""Defaults of options from the environment and from the user's own file: what wins, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.cli.conventions import defaults
from controller.cli.conventions.defaults import CONSENTS, ELSEWHERE, read_defaults
from controller.cli.output import Exit
from controller.errors import InputError, TsunaguError
from controller.offline_google.environment import OFFLINE
from controller.operations.operators_file import VARIABLE
from tests.cli.running import here

FILE = "home/.config/tsunagu/tsunagu.toml"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own file, outside the working folder."""
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    for folder in (tmp_path / "home", tmp_path / "home/.config", path.parent):
        folder.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(defaults, "find_defaults_file", lambda: path)
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def read(command: str, *words: str, **environment: str) -> dict[str, object]:
    return dict(read_defaults(command, [*command.split(), *words], environment).values)


def test_what_holds_for_one_command_wins_over_what_holds_for_all(file: Path) -> None:
    write(
        file,
        'policies = "a"\nquick = true\n[command.plan]\npolicies = "b"\nward = "tama"\n[command.lab-up]\nschools = 3\n',
    )
    assert read("plan") == {"policies": "b", "wards": ["tama"]}
    assert read("check") == {"policies": "a"}
    assert read("lab up") == {"policies": "a", "schools": 3}
    assert read("measure") == {"policies": "a", "quick": True}


def test_a_selection_on_the_command_line_leaves_the_default_of_another_out(file: Path) -> None:
    write(file, 'all = true\n[command.plan]\nward = ["tama"]\n')
    assert read("drift") == {"everything": True}
    assert read("drift", "--school", "kw-e01") == {}
    assert read("drift", "--school=kw-e01") == {}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('lang = "ja"\npolicys = "x"\n', 2, "there is no option 'policys'; did you mean policies?"),
        ('[command.plam]\nward = "x"\n', 1, "there is no command 'plam'; did you mean plan"),
        ('[command.plan]\nwrd = "x"\n', 2, "there is no option of 'plan' 'wrd'; did you mean ward"),
        ("[plan]\nall = true\n", 1, "there is no table 'plan'; what holds for one command stands in [command.NAME]"),
        ("[command.measure]\nquick = 1\n", 2, "write true or false (found 1)"),
        ('restore-after = "60"\n', 1, "write a whole number without quotes (found '60')"),
        ("policies = 3\n", 1, "write a text in quotes (found 3)"),
        ('lang = "jp"\n', 1, "write one of: ja, en (found 'jp')"),
        ("policies = \n", 1, "is no TOML"),
        ("command = 1\n", 1, "is a table for commands"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_write(file: Path, text: str, line: int, says: str) -> None:
    write(file, text)
    with pytest.raises(InputError) as refused:
        read("check")
    (problem,) = refused.value.problems
    assert (problem.origin.file, problem.origin.line) == (str(file), line)
    assert says in problem.message


@pytest.mark.parametrize("key", sorted(CONSENTS | ELSEWHERE))
def test_credentials_trust_and_approvals_are_refused_by_name(file: Path, key: str) -> None:
    write(file, f'\n{key} = "x"\n')
    with pytest.raises(InputError, match=f"tsunagu.toml:2: {key}: is never read here: credentials, trust"):
        read("check")


@pytest.mark.parametrize("key", sorted(CONSENTS))
def test_no_variable_gives_a_consent(key: str) -> None:
    name = "TSUNAGU_" + key.replace("-", "_").upper()
    with pytest.raises(TsunaguError, match=f"{name} is not read: it would be a consent"):
        read("apply", **{name: "x"})


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_can_change_is_refused(file: Path, mode: int) -> None:
    write(file, "all = true\n")
    file.chmod(mode)
    with pytest.raises(InputError, match="can be changed by others"):
        read("plan")


def test_a_file_below_a_folder_that_others_can_change_is_refused(file: Path) -> None:
    write(file, "all = true\n")
    file.parent.chmod(0o777)
    with pytest.raises(InputError, match="others can change"):
        read("plan")


def test_no_file_among_policies_or_in_the_working_folder_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "all = true\n")
    with pytest.raises(InputError, match="must not stand among policies or in the working folder"):
        read("plan", "--policies", str(file.parent))
    monkeypatch.chdir(file.parent)
    with pytest.raises(InputError, match="must not stand among policies or in the working folder"):
        read("plan")


def test_a_command_obeys_the_file_then_the_variable_then_the_command_line(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, 'policies = "from-file"\n')
    assert "from-file:1: no such folder" in here("check", cwd=tmp_path / "work").errors
    monkeypatch.setenv("TSUNAGU_POLICIES", "from-variable")
    assert "from-variable:1: no such folder" in here("check", cwd=tmp_path / "work").errors
    monkeypatch.setenv("TSUNAGU_CHECK_POLICIES", "for-check")
    assert "for-check:1: no such folder" in here("check", cwd=tmp_path / "work").errors
    assert "said:1: no such folder" in here("check", "--policies", "said", cwd=tmp_path / "work").errors


def test_json_may_be_a_default(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, "json = true\n")
    done = here("check", "--policies", "nowhere", cwd=tmp_path / "work")
    assert json.loads(done.said)["error"]["code"] == "policy-error"
    write(file, "")
    monkeypatch.setenv("TSUNAGU_CHECK_JSON", "1")
    done = here("check", "--policies", "nowhere", cwd=tmp_path / "work")
    assert json.loads(done.said)["error"]["problems"][0]["file"] == "nowhere"


def test_a_wrong_value_is_told_with_the_place_where_it_stands(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, "\nrestore-after = 1\n")
    done = here("apply", "plan.json", cwd=tmp_path / "work")
    assert done.code == Exit.USAGE
    assert f"(it stands in {file}:2)" in done.errors
    write(file, "")
    monkeypatch.setenv("TSUNAGU_RESTORE_AFTER", "soon")
    assert "(it stands in TSUNAGU_RESTORE_AFTER)" in here("apply", "plan.json", cwd=tmp_path / "work").errors


def test_a_slip_in_a_variable_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_POLICES", "elsewhere")
    done = here("check", "--policies", "nowhere", cwd=tmp_path)
    assert "TSUNAGU_POLICES is not read; did you mean TSUNAGU_POLICIES?" in done.errors
    monkeypatch.setenv(OFFLINE, "1")
    assert f"{OFFLINE} is not read" not in here("check", "--policies", "nowhere", cwd=tmp_path).errors
    monkeypatch.setenv(VARIABLE, "/gone/operations.yaml")
    assert f"{VARIABLE} is not read" not in here("check", "--policies", "nowhere", cwd=tmp_path).errors
