"""What commands say in Japanese, word for word, and that programs read the same in every language."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.exit_codes import Exit
from tests.cli.running import ROOT, here
from tests.policies import PolicyFolder

GOLDEN = Path(__file__).parent / "golden_ja"
DAY = ("--on", "2026-12-01")
SCHOOL = ("--school", "kw-s01", *DAY)
VLAN = "vlan 21\n name TSN-learning-legacy\n"
TRUNK = "interface GigabitEthernet1/0/40\n switchport mode trunk\n"
RULE = """\
  - id: twice
    effect: permit
    purpose: 同じことをもう一度
    applications: [file-exchange]
    network: {from: [staff]}
    exception: {owner: 教育DX推進課, reason: 試験, expires: 2026-12-05}
"""
COMMANDS = {
    "check": ("check", *DAY),
    "check-refused": ("check", "--policies", "refused", *DAY),
    "explain": ("explain", "--from", "kw-s01/pupil", "--to", "affairs", *DAY),
    "explain-person": (
        *("explain", "--from", "kw-s01/pupil", "--to", "workspace", "--role", "pupil"),
        *("--at", "2026-12-01T10:00", *DAY),
    ),
    "explain-flow": ("explain", "--flow", "affairs", "--to", "learning-analytics", *DAY),
    "plan": ("plan", "--configs", "configs", *SCHOOL),
    "plan-refused": ("plan", "--school", "kw-s99"),
    "drift": ("drift", *SCHOOL),
    "what-if": ("what-if", "--edit", "access/rules.yaml=rules.yaml", *DAY),
    "prove": ("prove", "--configs", "configs", *SCHOOL),
}
_CHANGING = re.compile(r"(?<=\"seconds\": )[0-9.]+|[0-9.]+(?= 秒)|\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+[0-9:]+)")
"""Seconds, and the moments at which a plan was made and ends."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city with things to say: a rule that changes nothing, files that are wrong, half of a school's devices."""
    folder = tmp_path_factory.mktemp("languages")
    city = PolicyFolder(folder)
    here("render", *SCHOOL, "-o", "configs", cwd=folder)
    for path in (folder / "configs").iterdir():
        if path.stem not in {"kw-s01-core1", "kw-s01-rt1"}:
            path.unlink()
    core = folder / "configs/kw-s01-core1.cfg"
    core.write_text(core.read_text(encoding="utf-8").replace(VLAN, "") + TRUNK, encoding="utf-8")
    city.path.rename(folder / "refused")
    city = PolicyFolder(folder)
    refused = folder / "refused/access/segments.yaml"
    refused.write_text(refused.read_text(encoding="utf-8").replace("vlan: 10\n", "vlan: 010\n"), encoding="utf-8")
    (folder / "refused/city/schools/asao.yaml").rename(folder / "refused/city/schools/asao.yml")
    city.append("access/rules.yaml", RULE)
    rules = (folder / "policies/access/rules.yaml").read_text(encoding="utf-8")
    changed = rules.replace("{from: [staff]}", "{from: [staff, guest]}", 1)
    (folder / "rules.yaml").write_text(changed, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def nobody(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an operators' file: no device is reached."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(place / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_in_japanese(place: Path, name: str) -> None:
    done = here(*COMMANDS[name], "--lang", "ja", cwd=place)
    told = [line for line in done.errors.splitlines(keepends=True) if not line.startswith("[")]  # progress
    said = _CHANGING.sub("-", "".join([done.said, *told])).replace(str(place), "FOLDER")
    assert said == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_program_reads_the_same_in_every_language(place: Path, name: str) -> None:
    japanese, english = (here(*COMMANDS[name], "--json", "--lang", lang, cwd=place) for lang in ("ja", "en"))
    assert japanese.code == english.code
    assert _CHANGING.sub("-", japanese.said).encode() == _CHANGING.sub("-", english.said).encode()
    assert japanese.said.startswith("{")


def test_the_language_of_the_system_or_of_a_variable_is_spoken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("plan", "--school", "kw-s99")
    assert "there is no school" in here(*asked, cwd=place).errors
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert "学校 'kw-s99' はありません" in here(*asked, cwd=place).errors
    assert "there is no school" in here(*asked, "--lang", "en", cwd=place).errors
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TSUNAGU_LANG", "ja")
    assert "学校 'kw-s99' はありません" in here(*asked, cwd=place).errors
    assert here(*asked, "--lang", "de", cwd=place).code == Exit.USAGE


def test_a_command_with_a_language_speaks_it_from_the_first(place: Path) -> None:
    """What is refused before it speaks is refused in English, whatever was asked for."""
    speaking: dict[str, str] = {}
    for path in (ROOT / "controller/cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                one.annotation is not None and ast.unparse(one.annotation) == "Lang"
                for one in (*node.args.args, *node.args.kwonlyargs)
            ):
                first = next(one for one in node.body if not isinstance(one, ast.Expr) or "speak(" in ast.unparse(one))
                speaking[f"{path.name}: {node.name}"] = ast.unparse(first)
    assert len(speaking) > 20
    assert {name: first for name, first in speaking.items() if first != "speak(lang)"} == {}
    said = here("report", "bandwidth", "--school", "kw-s99", "-o", "r.html", "--lang", "ja", cwd=place)
    assert "学校 'kw-s99' はありません" in said.errors


REFUSED_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), ":1: フォルダーです。通常のファイルを"),
    "pipe": (os.mkfifo, ":1: 名前付きパイプです"),
    "large": (lambda path: path.write_bytes(b"x" * 2**22 + b"x"), ":1: 4 MB を超えています"),
    "bytes": (lambda path: path.write_bytes(b"a,b\n\xff\n"), ":2: UTF-8 の文字として読めません"),
    "link": (lambda path: path.symlink_to("/etc/hostname"), ":1: 絶対パスへのシンボリックリンクです"),
}


@pytest.mark.parametrize("kind", REFUSED_FILES)
def test_a_file_that_cannot_be_read_is_refused_in_japanese(place: Path, tmp_path: Path, kind: str) -> None:
    """Any command reads it by the same opener."""
    make, says = REFUSED_FILES[kind]
    make(tmp_path / "ca.pem")
    words = ("probe", "enrol", "kw-s01", "--monitor", "https://m.example.jp", "-o", str(tmp_path / "probe.json"))
    refused = here(*words, "--ca", str(tmp_path / "ca.pem"), "--lang", "ja", cwd=place)
    assert f"{tmp_path / 'ca.pem'}{says}" in refused.errors
    assert not (tmp_path / "probe.json").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("probe enrol kw-s01 --monitor http://m.example.jp -o p.json", "monitor は https のアドレスに"),
        ("probe enrol kw-s01 --monitor https://m.example.jp -o no/p.json", "書き込めません"),
        ("probe enrol kw-s01 --monitor https://m.example.jp -o p.json --updates-from x", "は一緒に指定してください"),
        ("measure --school kw-s01 --watch", "実際の学校では計測端末が自動で測定します"),
        ("measure schedule --all --day 9999-01-01", "扱うのは 2000 年から 2199 年までです"),
    ],
)
def test_what_a_probe_s_command_refuses_is_said_in_japanese(place: Path, words: str, says: str) -> None:
    assert says in here(*words.split(), "--lang", "ja", cwd=place).errors
