"""Sisters of the forty mistakes: other slips of the same kinds are answered as well."""

# ruff: noqa: E501, RUF001 one row a mistake; Japanese writes with wide signs

from __future__ import annotations

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
    Mistake,
    answer,
    copy,
    edit,
    encode,
    link,
    make_folder,
    nothing,
    rename,
    save,
    save_bytes,
    stand_before,
    write,
)
from tests.cli.running import ROOT, here

WARD = "    ward: asao"
HERE = f"policies/{SCHOOLS}:12: "
TOP = f"policies/{SCHOOLS}:1: "
CONFIG = f"configs/{CORE}:"
FILES = [
    Mistake("another dash", CHECK, edit(SCHOOLS, "  - id: as-e01", "  － id: as-e01"), f"policies/{SCHOOLS}:9: ",
            ("another dash than '-' stands here; write '-' and a space",)),
    Mistake("a dash of a word processor", CHECK, edit(SCHOOLS, "  - id: as-e01", "  – id: as-e01"),
            f"policies/{SCHOOLS}:9: ", ("another dash than '-'",)),
    Mistake("nothing that is seen", CHECK, edit(SCHOOLS, WARD, "    ward\u200b: asao"), HERE,
            ("an invisible character (U+200B) stands here; delete it",)),
    Mistake("nothing in a value", CHECK, edit(SCHOOLS, "id: as-e01", "id: as-e01\u200b"), f"policies/{SCHOOLS}:9: ",
            ("an invisible character (U+200B) stands here; delete it",)),
    Mistake("another direction", CHECK, edit(SCHOOLS, WARD, "    ward: \u202easao"), HERE, ("(U+202E) stands here",)),
    Mistake("a mark in the middle", CHECK, edit(SCHOOLS, WARD, "    \ufeffward: asao"), HERE, ("(U+FEFF) stands here",)),
    Mistake("a space that does not break", CHECK, edit(SCHOOLS, WARD, "    ward:\u00a0asao"), HERE, ("(U+00A0)",)),
    Mistake("curly quotes", CHECK, edit(RULES, "{from: [staff]}", "{from: [“staff”]}"), f"policies/{RULES}:13: ",
            ("write lower-case letters, digits and '-', such as staff",)),
    Mistake("no space behind the colon", CHECK, edit(SCHOOLS, WARD, "    ward:asao"), HERE,
            ("no space stands behind the colon; write 'ward: asao'",)),
    Mistake("an equals sign", CHECK, edit(SCHOOLS, WARD, "    ward = asao"), HERE, ("write 'ward: asao'",)),
    Mistake("a tab behind the dash", CHECK, edit(SCHOOLS, "  - id: as-e01", "  -\tid: as-e01"),
            f"policies/{SCHOOLS}:9: ", ("a tab stands here; write spaces",)),
    Mistake("another column", CHECK, edit(SCHOOLS, WARD, "   ward: asao"), HERE,
            ("this line begins at column 4, the field above it at 5",)),
    Mistake("an open quote", CHECK, edit(SCHOOLS, "name: ", 'name: "'), f"policies/{SCHOOLS}:11: ",
            ('a quote (") is opened here and not closed',)),
    Mistake("an open bracket", CHECK, edit(RULES, "{from: [staff]}", "{from: [staff}"), f"policies/{RULES}:13: ",
            ("a bracket is opened here and not closed; write the missing ']'",)),
    Mistake("a colon in a value", CHECK, edit(RULES, "purpose: 学校", "purpose: 注: 学校"), f"policies/{RULES}:11: ",
            ("a second ': ' stands in this line; put the value in quotes",)),
    Mistake("a sign that begins no value", CHECK, edit(SCHOOLS, WARD, "    ward: @asao"), HERE,
            ("a value cannot begin with '@'; put it in quotes",)),
    Mistake("a key twice", CHECK, edit(SCHOOLS, WARD, f"{WARD}\n{WARD}"), f"policies/{SCHOOLS}:13: ",
            ("the key 'ward' stands twice",)),
    Mistake("two documents", CHECK, edit(SCHOOLS, "schools:", "---\nschools:"), f"policies/{SCHOOLS}:",
            ("another document begins here ('---'); a file holds one",)),
    Mistake("a merge key", CHECK, edit(SCHOOLS, WARD, "    <<: {ward: asao}"), HERE, ("write the fields out",)),
    Mistake("an alias of nothing", CHECK, edit(SCHOOLS, WARD, "    ward: *asao"), HERE, ("nothing is named &asao",)),
    Mistake("an empty file", CHECK, write(f"policies/{SCHOOLS}", ""), TOP, ("file is empty",)),
    Mistake("comments alone", CHECK, write(f"policies/{SCHOOLS}", "# none\n"), TOP, ("file is empty",)),
    Mistake("a list at the top", CHECK, write(f"policies/{SCHOOLS}", "- id: as-e01\n"), TOP, ("allowed: schools",)),
    Mistake("a mapping for a list", CHECK, write(f"policies/{SCHOOLS}", "format: 1\nschools:\n  as-e01: {}\n"),
            f"policies/{SCHOOLS}:2: ", ("needs a list",)),
    Mistake("nothing for a list", CHECK, write(f"policies/{SCHOOLS}", "format: 1\nschools:\n"),
            f"policies/{SCHOOLS}:2: ", ("needs a list", "(nothing stands there)")),
    Mistake("a web page", CHECK, write(f"policies/{SCHOOLS}", "<!DOCTYPE html><html></html>"), TOP, ("a web page",)),
    Mistake("a spreadsheet", CHECK, write(f"policies/{SCHOOLS}", b"PK\x03\x04\x14"), TOP, ("a spreadsheet or another",)),
    Mistake("a PDF", CHECK, write(f"policies/{SCHOOLS}", b"%PDF-1.4\n%\xe2\xe3"), TOP, ("is no text but a PDF",)),
    Mistake("UTF-16", CHECK, encode(SCHOOLS, "utf-16"), f"policies/{SCHOOLS}:", ("save it as UTF-8 (it looks like UTF-16)",)),
    Mistake("a word for yes", CHECK, edit(RULES, "mfa: true", "mfa: yes"), f"policies/{RULES}:17: ",
            ("'yes' is read as true or false by some programs; write true or false",)),
    Mistake("true in quotes", CHECK, edit(RULES, "mfa: true", 'mfa: "ture"'), f"policies/{RULES}:17: ",
            ("write one of: true, false, any", "did you mean true?")),
    Mistake("a minute", CHECK, edit(SCHOOLS, "number: 154", "number: 1:20"), f"policies/{SCHOOLS}:10: ",
            ("'1:20' is a number to YAML",)),
    Mistake("hexadecimal", CHECK, edit(SCHOOLS, "number: 154", "number: 0x9a"), f"policies/{SCHOOLS}:10: ",
            ("not a plain decimal number",)),
    Mistake("a comma in a number", CHECK, edit(SCHOOLS, "pupils: 546", "pupils: 1,546"), f"policies/{SCHOOLS}:14: ",
            ("write a whole number in digits",)),
    Mistake("too few", CHECK, edit(SCHOOLS, "pupils: 546", "pupils: -546"), f"policies/{SCHOOLS}:14: ", ("write 0 or more",)),
    Mistake("too many", CHECK, edit(SCHOOLS, "pupils: 546", "pupils: 54600"), f"policies/{SCHOOLS}:14: ",
            ("write 5000 or less",)),
    Mistake("a large letter", CHECK, edit(RULES, "effect: permit", "effect: Permit"), f"policies/{RULES}:10: ",
            ("write one of: permit, forbid; did you mean permit?",)),
    Mistake("a field misspelt", CHECK, edit(RULES, "enforced-by", "enforced_by"), f"policies/{RULES}:15: ",
            ("unknown field; allowed: ", "did you mean enforced-by?")),
    Mistake("a wildcard", CHECK, edit(CITY, "10.0.0.0/8", "10.0.0.0 0.255.255.255"), f"policies/{CITY}:", ("10.0.0.0/8 (",)),
    Mistake("a dot too many", CHECK, edit(CITY, "10.0.0.0/8", "10.0.0.0./8"), f"policies/{CITY}:", ("10.0.0.0/8 (",)),
    Mistake("a copy", CHECK, copy(SCHOOLS, "city/schools/asao (1).yaml"), "policies/city/schools/asao (1).yaml:1: ",
            ("repeats 4 schools of policies/city/schools/asao.yaml; is it a copy?",)),
    Mistake("a copy in Japanese", CHECK, copy(SCHOOLS, "city/schools/asao のコピー.yaml"), "asao のコピー.yaml:1: ",
            ("is it a copy?",)),
    Mistake("a backup", CHECK, copy(SCHOOLS, f"{SCHOOLS}.bak"), f"policies/{SCHOOLS}.bak:1: ", ("is not read",)),
    Mistake("large letters at the end", CHECK, rename(SCHOOLS, "city/schools/asao.YAML"), "asao.YAML:1: ",
            ("is not read; name it asao.yaml",)),
    Mistake("a lock file", CHECK, write("policies/city/schools/~$asao.xlsx", "x"), "~$asao.xlsx:1: ",
            ("is a lock file of an open program; close the program",)),
    Mistake("a loop of links", CHECK, link("city/schools/loop.yaml", "loop.yaml"), "loop.yaml:1: ", ("symbolic links",)),
    Mistake("a folder in large letters", CHECK, rename("access", "Access"), "policies:1: ",
            ("holds no access/; rename Access/ to access/",)),
    Mistake("a folder inside", "check --policies policies/city", nothing, "policies/city:1: ",
            ("did you mean --policies policies?",)),
]  # fmt: skip
WORDS = [
    Mistake("two schools in one", "plan --school as-e01,as-e02", nothing, "'as-e01,as-e02'",
            ("repeat the option for each: --school as-e01 --school as-e02",)),
    Mistake("a part of a name", "plan --school 麻生第一", nothing, "'麻生第一'", ("did you mean as-e01 (仮・麻生第一小学校)",)),
    Mistake("a ward for a school", "plan --school kawasaki", nothing, "'kawasaki'", ("it is a ward: --ward kawasaki",)),
    Mistake("a school for a ward", "plan --ward kw-s01", nothing, "'kw-s01'", ("it is a school: --school kw-s01",)),
    Mistake("a device for a school", "plan --school kw-s01-core1", nothing, "'kw-s01-core1'", ("--school kw-s01",)),
    Mistake("an application by a part", "explain --from kw-s01/staff --to 校務", nothing, "'校務'",
            ("did you mean affairs (校務支援システム)?",)),
    Mistake("a segment misspelt", "explain --from kw-s01/staf --to affairs", nothing, "'staf'", ("did you mean staff (",)),
    Mistake("another sign between", "explain --from kw-s01-staff --to affairs", nothing, "'kw-s01-staff'",
            ("write SCHOOL/SEGMENT, e.g. kw-s01/staff",)),
    Mistake("tomorrow", "check --on tomorrow", nothing, "'tomorrow'", ("write a date as 2026-12-01",), Exit.USAGE),
    Mistake("one dash", "check -policies x", nothing, "-p", ("begins with two ordinary '-': --policies",), Exit.USAGE),
    Mistake("another dash", "check —on 2026-12-01", nothing, "—on", ("two ordinary '-': --on",), Exit.USAGE),
    Mistake("a language", "check --lang jp", nothing, "'jp'", ("is not one of 'ja', 'en'",), Exit.USAGE),
    Mistake("a command of a group", "lab upp", nothing, "'upp'", ("Did you mean 'up'?", "(see: tsunagu lab --help)"), Exit.USAGE),
    Mistake("a plan of tomorrow", "apply plan.json", write("plan.json", '{"format": 99}'), "plan.json: ",
            ("the plan is of format 99; this release reads ",)),
    Mistake("a policy for a plan", f"apply policies/{CITY}", nothing, f"policies/{CITY}: ", ("tsunagu plan --all -o plan.json",)),
    Mistake("an empty plan", "apply plan.json", write("plan.json", ""), "plan.json: ", ("(it is empty)",)),
]  # fmt: skip
CAPTURES = [
    Mistake("a web page", PLAN, save_bytes(b"<html><title>Login</title></html>"), f"{CONFIG}1: ", ("is a web page",)),
    Mistake("a login", PLAN, save(CORE, lambda text: f"Username: admin\nPassword: \n{text}"), f"{CONFIG}1: ",
            ("the dialogue of a login stands here",)),
    Mistake("half of it", PLAN, save_bytes(b"Current configuration : 9000 bytes\n!\nhostname core\n"), f"{CONFIG}1: ",
            ("begins as a whole configuration and has no end",)),
    Mistake("colours", PLAN, save(CORE, lambda text: f"\x1b[2J{text}"), f"{CONFIG}1: ", ("(U+001B)",)),
    Mistake("a Japanese pager", PLAN, save(CORE, stand_before("---つづく---")), CONFIG, ("the stop of a pager",)),
    Mistake("a pager of Linux", PLAN, save(CORE, stand_before("lines 1-23")), CONFIG, ("the stop of a pager",)),
    Mistake("a connection that broke", PLAN, save(CORE, stand_before("Connection to core1 closed by remote host.")),
            CONFIG, ("the device or the connection ended here",)),
    Mistake("a log message", PLAN, save(CORE, stand_before("*Dec  1 10:00:00.000: %SYS-5-CONFIG_I: Configured")), CONFIG,
            ("a log message of the device stands here",)),
    Mistake("times of the terminal", PLAN, save(CORE, stand_before("[2026-12-01 10:00:00.000] !")), CONFIG,
            ("the terminal program wrote a time",)),
    Mistake("JSON", PLAN, save_bytes(b'{"error": "unauthorized"}'), f"{CONFIG}1: ", ("is JSON",)),
    Mistake("an archive", PLAN, save_bytes(b"PK\x03\x04\x00"), f"{CONFIG}1: ", ("is no text but a spreadsheet or another",)),
    Mistake("another system", PLAN, save_bytes(b"system { host-name x; }\n"), f"{CONFIG}1: ", ("is written in braces",)),
    Mistake("a copy", PLAN, save("kw-s01-core1 (1).cfg"), "configs/kw-s01-core1 (1).cfg:1: ", ("name it kw-s01-core1.cfg",)),
    Mistake("no ending", PLAN, save("kw-s01-core1-confg"), "core1-confg:1: ", ("rename it to kw-s01-core1.cfg",)),
    Mistake("a file for a folder", PLAN, write("configs", "x"), "configs:1: ", ("is a file, not a folder",)),
    Mistake("another device", PLAN, save(CORE, lambda text: f"hostname kw-s01-floor1\n{text}"), f"{CONFIG}1: ",
            ("is the configuration of kw-s01-floor1 ('hostname')",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("rendered")
    here("render", "--school", "kw-s01", "-o", "out", "--policies", str(ROOT / "policies"), cwd=folder)
    return (folder / "out" / CORE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, rendered: str) -> Path:
    """A city for mistakes that spoil no file."""
    return make_folder(tmp_path_factory.mktemp("city"), rendered)


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without files of their own."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)


@pytest.mark.parametrize("mistake", [*FILES, *CAPTURES], ids=lambda one: one.name)
def test_a_sister(mistake: Mistake, tmp_path: Path, rendered: str) -> None:
    answer(mistake, make_folder(tmp_path, rendered))


@pytest.mark.parametrize("mistake", WORDS, ids=lambda one: one.name)
def test_a_sister_of_the_command_line(mistake: Mistake, city: Path) -> None:
    answer(mistake, city)


def test_a_segment_or_an_application_may_be_called_by_its_name(city: Path) -> None:
    by_name = here("explain", "--from", "kw-s01/教職員", "--to", "校務支援システム", *CHECK.split()[1:], cwd=city)
    by_id = here("explain", "--from", "kw-s01/staff", "--to", "affairs", *CHECK.split()[1:], cwd=city)
    assert by_name.code == Exit.GOOD
    assert by_name.said == by_id.said
