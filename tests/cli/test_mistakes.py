"""The forty mistakes of another city's operators: each is answered with what, where and what to do."""

# ruff: noqa: E501, RUF001 one row a mistake; Japanese writes with wide signs

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from controller.cli.output import Exit
from tests.cli.mistakes import (
    CHECK,
    CITY,
    CORE,
    PLAN,
    RULES,
    SCHOOLS,
    SEGMENTS,
    Mistake,
    answer,
    edit,
    encode,
    make_folder,
    nothing,
    rename,
    save,
    save_bytes,
    stand_before,
    write,
)
from tests.cli.running import ROOT, here
from tests.cli.test_ctrl_c import interrupt

SHIFT_JIS = "interface GigabitEthernet1/0/41\n description ｱｲｳｶ\n shutdown\n".encode("cp932")
PLATFORM = "city/blueprints.yaml"
MISTAKES = {
    1: Mistake("a table among the schools", CHECK, write("policies/city/schools/schools.csv", "id,name\n"),
               "policies/city/schools/schools.csv:1: ", ("is a table, and is not read; move it out, and bring its schools in by 'tsunagu import'",)),
    2: Mistake("a table called .yaml", CHECK, write(f"policies/{SCHOOLS}", "id,name,kind\nas-e01,x,elementary\n"),
               f"policies/{SCHOOLS}:1: ", ("looks like a table of comma-separated values", "(found 'id,name,kind")),
    3: Mistake("a tab", CHECK, edit(RULES, "    effect: permit", "\teffect: permit"),
               f"policies/{RULES}:10: ", ("a tab stands in the indentation; YAML allows only spaces there",)),
    4: Mistake("a wide digit", CHECK, edit(SCHOOLS, "number: 154", "number: １５４"),
               f"policies/{SCHOOLS}:10: ", ("full-width characters; write 154",)),
    5: Mistake("a wide space", CHECK, edit(SCHOOLS, "ward: asao", "ward:　asao"),
               f"policies/{SCHOOLS}:12: ", ("a full-width space stands here; write an ordinary space",)),
    6: Mistake("a Japanese id", CHECK, edit(SCHOOLS, "id: as-e01", "id: 麻生一"), f"policies/{SCHOOLS}:9: ",
               ("write lower-case letters, digits and '-', such as kw-e01; a name for people goes into 'name'",)),
    7: Mistake("a kind that there is not", CHECK, edit(SCHOOLS, "kind: elementary", "kind: 小学校"),
               f"policies/{SCHOOLS}:13: ", ("write the id, elementary (found '小学校')",)),
    8: Mistake("Shift-JIS", CHECK, encode(SCHOOLS, "cp932"), f"policies/{SCHOOLS}:",
               ("save it as UTF-8 (it looks like Shift-JIS)",)),
    9: Mistake("a mark and the line ends of another system",
               CHECK, lambda folder: (folder / f"policies/{SCHOOLS}").write_bytes(
                   b"\xef\xbb\xbf" + (folder / f"policies/{SCHOOLS}").read_bytes().replace(b"\n", b"\r\n")),
               "", ("0 errors",), Exit.GOOD, is_said_once=False),
    10: Mistake("host bits", CHECK, edit(CITY, "10.0.0.0/8", "10.0.0.1/8"), f"policies/{CITY}:",
                ("has host bits set; write 10.0.0.0/8",)),
    11: Mistake("a netmask", CHECK, edit(CITY, "10.0.0.0/8", "10.0.0.0 255.0.0.0"), f"policies/{CITY}:",
                ("write a prefix with its length, such as 10.0.0.0/8",)),
    12: Mistake("prefixes that overlap", CHECK, edit(SCHOOLS, "    ward: asao\n", "    ward: asao\n    ipv4: 10.1.0.0/16\n"),
                f"policies/{SCHOOLS}:", ("overlaps 10.1.0.0/16 of school ", ".yaml:")),
    13: Mistake("a school twice", CHECK, edit(SCHOOLS, "id: as-e02", "id: as-e01"), f"policies/{SCHOOLS}:",
                ("school id 'as-e01' is already given at policies/",), is_said_once=False),
    14: Mistake("a number twice", CHECK, edit(SCHOOLS, "number: 155", "number: 154"), f"policies/{SCHOOLS}:",
                ("school number 154 is already given at policies/",)),
    15: Mistake("a VLAN twice", CHECK, edit(SEGMENTS, "vlan: 20\n", "vlan: 10\n"), f"policies/{SEGMENTS}:",
                ("segment vlan 10 is already given at policies/",)),
    16: Mistake("a file too few", CHECK, lambda folder: (folder / f"policies/{RULES}").unlink(),
                f"policies/{RULES}:1: ", ("file is missing",)),
    17: Mistake("another folder", "check --policies polices", nothing, "polices:1: ",
                ("no such folder; --policies DIR names the folder that holds city/ and access/",)),
    18: Mistake("a file for a folder", f"check --policies policies/{CITY}", nothing, f"policies/{CITY}:1: ",
                ("is a file, not a folder; --policies DIR",)),
    19: Mistake("an old plan", "apply plan.json", write("plan.json", '{"version": 0}'), "plan.json: ",
                ("the plan is of format 0; this release reads ", "tsunagu plan --all -o plan.json")),
    20: Mistake("no JSON", "apply plan.json", write("plan.json", "plan: 1\n"), "plan.json: ",
                ("not a whole plan (line 1)", "tsunagu plan --all -o plan.json, or with --school SCHOOL")),
    21: Mistake("no plan", "apply plan.json", nothing, "plan.json: ",
                ("there is no such plan; make one with: tsunagu plan --all -o plan.json",)),
    22: Mistake("a command misspelt", "chek", nothing, "", ("Did you mean 'check'?", "(see: tsunagu --help)"), Exit.USAGE),
    23: Mistake("an option misspelt", "check --policy x", nothing, "",
                ("No such option: --policy", "--policies", "(see: tsunagu check --help)"), Exit.USAGE),
    24: Mistake("a school that there is not", "plan --school kw-e99", nothing, "'kw-e99'",
                ("did you mean kw-e0", "(仮・川崎第")),
    25: Mistake("a ward in Japanese", "check --ward 麻生", nothing, "", ("No such option: --ward",), Exit.USAGE),
    26: Mistake("nothing selected", "plan", nothing, "", ("name --school or --ward", ", or --all"), Exit.USAGE),
    27: Mistake("no folder of configurations", PLAN, nothing, "configs:1: ", ("no such folder",)),
    28: Mistake("another name of a file", PLAN, save("switch1.cfg"), "configs/switch1.cfg:1: ",
                ("belongs to no selected device; files are named DEVICE.cfg, e.g. kw-s01-rt1.cfg",)),
    29: Mistake("another ending", PLAN, save("kw-s01-core1.txt"), "configs/kw-s01-core1.txt:1: ",
                ("is not read; rename it to kw-s01-core1.cfg",)),
    30: Mistake("Shift-JIS on a switch", PLAN, save_bytes(SHIFT_JIS), f"configs/{CORE}:2: ",
                ("say which: --encoding shift-jis, or euc-jp",)),
    31: Mistake("a pager", PLAN, save(CORE, stand_before(" --More-- ")), f"configs/{CORE}:",
                ("the stop of a pager stands here; switch the pager off ('terminal length 0')",)),
    32: Mistake("a date with slashes", "check --on 2026/12/01", nothing, "--on '2026/12/01'",
                ("write a date as 2026-12-01",), Exit.USAGE),
    34: Mistake("another platform", CHECK, edit(PLATFORM, "lot-1: cisco_ios", "lot-1: cisco_iosxe"),
                f"policies/{PLATFORM}:", ("'cisco_iosxe'", "did you mean cisco_ios?")),
    35: Mistake("a leading zero", CHECK, edit(SEGMENTS, "vlan: 10\n", "vlan: 010\n"), f"policies/{SEGMENTS}:9: ",
                ("'010' is a number with leading zeros; write 10",)),
    36: Mistake("a conflict", CHECK, edit(SCHOOLS, "    ward: asao", "<<<<<<< HEAD\n    ward: asao\n=======\n>>>>>>> x"),
                f"policies/{SCHOOLS}:12: ", ("a mark of a git conflict stands here; choose one side",)),
    37: Mistake("a ward called .yml", CHECK, rename(SCHOOLS, "city/schools/asao.yml"),
                "policies/city/schools/asao.yml:1: ", ("is not read; name it asao.yaml",)),
}  # fmt: skip
ANSWERED: set[int] = set()
SECRET = "hunter2-of-nobody"  # noqa: S105 no secret of anybody
LOGIN = "format: 1\naccess:\n  switches:\n    user: tsunagu\n    password: " + SECRET + "\n"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("rendered")
    here("render", "--school", "kw-s01", "-o", "out", "--policies", str(ROOT / "policies"), cwd=folder)
    return (folder / "out" / CORE).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without files of their own."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)


@pytest.mark.parametrize("number", MISTAKES)
def test_a_mistake(number: int, tmp_path: Path, rendered: str) -> None:
    answer(MISTAKES[number], make_folder(tmp_path, rendered))
    ANSWERED.add(number)


def test_33_a_password_in_the_file(tmp_path: Path, rendered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "work", rendered)
    path = tmp_path / "operations.yaml"
    path.write_text(LOGIN, encoding="utf-8")
    path.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(path))
    done = here(*CHECK.split(), cwd=folder)
    assert done.code == Exit.FAILED
    assert f"{path}:5: access.switches.password: needs fields of its own, a line each" in done.errors
    assert "allowed: command, env, file (what was found is not shown)" in done.errors
    assert SECRET not in done.errors + done.said
    ANSWERED.add(33)


def test_38_a_file_without_permission(tmp_path: Path, rendered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so the kernel's answer is played."""
    real = os.open

    def open_some(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "asao.yaml":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, flags, mode, dir_fd=dir_fd)

    folder = make_folder(tmp_path, rendered)
    monkeypatch.setattr(os, "open", open_some)
    done = here(*CHECK.split(), cwd=folder)
    assert (done.code, f"policies/{SCHOOLS}:1: may not be read by this user" in done.errors) == (Exit.FAILED, True)
    ANSWERED.add(38)


def test_39_a_full_disk(tmp_path: Path, rendered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = os.fsync, [0]

    def write_some(file: int) -> None:
        written[0] += 1
        if written[0] > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    folder = make_folder(tmp_path, rendered)
    monkeypatch.setattr(os, "fsync", write_some)
    done = here("render", "--school", "kw-s01", "-o", "out", cwd=folder)
    assert done.code == Exit.FAILED
    assert "out/kw-s01-core1.cfg: cannot be written: No space left on device; " in done.errors
    assert "; 1 of 20 devices are in out, each file whole" in done.errors
    assert [path.name for path in (folder / "out").iterdir()] == ["kw-s01-rt1.cfg"]
    ANSWERED.add(39)


def test_40_ctrl_c(tmp_path: Path) -> None:
    words = ["check", "--policies", str(ROOT / "policies")]
    code, said, _ = interrupt("controller.cli.policy.check", "load_estate_city", words, tmp_path)
    assert (code, said) == (Exit.INTERRUPTED, "tsunagu: interrupted\n")
    ANSWERED.add(40)


def test_forty_of_forty(request: pytest.FixtureRequest) -> None:
    """The last test: the table is whole; where one process ran all of this file, every mistake was answered."""
    assert sorted({*MISTAKES, 33, 38, 39, 40}) == list(range(1, 41))
    own = [one for one in request.session.items if one.path == request.path]
    # Where tests are shared out among processes, each of them has answered some.
    if "PYTEST_XDIST_WORKER" not in os.environ and len(own) == len(MISTAKES) + 5:
        assert sorted(ANSWERED) == list(range(1, 41)), f"{len(ANSWERED)} of 40"
