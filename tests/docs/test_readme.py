"""README.md and README.ja.md: small, alike, true to the platforms and to the demo; their commands do what they say."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from controller.platforms.base import Operable, Readable
from controller.platforms.common.timed_operation import is_changeable
from controller.platforms.registry import list_platforms, load_platform
from tests.cli.running import here
from tools.demo.chapters import CHAPTERS as LISTED
from tools.demo.chapters import describe_chapters
from tools.readme_demo import CHAPTERS, CHOSEN, DEMO, EXCERPT, LineMissing, choose_lines, cut_between_marks

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
JAPANESE = (ROOT / "README.ja.md").read_text(encoding="utf-8")
MOST_BYTES = 10 * 1024
HEADINGS = {
    "Two commands": "二つのコマンド",
    "Ten lines of output": "出力の十行",
    "Platforms": "対応機種",
    "Start on your own data": "自分のデータで始める",
    "What is proved, and what is not": "証明していること、していないこと",
    "Four doors": "四つの入口",
    "More": "そのほか",
}
YES, NO = "✓", "-"


def list_headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, flags=re.MULTILINE)


def list_tables(text: str) -> list[list[list[str]]]:
    """The tables, each as its rows, each as its cells."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split(" | ")] for row in block.splitlines()] for block in blocks]


def list_commands(text: str) -> list[str]:
    """The commands of all code blocks, without what is said about them."""
    own = text.replace(cut_between_marks(text, EXCERPT) or "\0", "")
    blocks = re.findall(r"^```\n(.*?)^```$", own, flags=re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def list_links(text: str) -> list[str]:
    return sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.ja.md"})


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_it_is_small(name: str) -> None:
    assert (ROOT / name).stat().st_size <= MOST_BYTES


def test_both_have_the_same_headings_in_the_same_order() -> None:
    assert list_headings(ENGLISH) == list(HEADINGS)
    assert list_headings(JAPANESE) == list(HEADINGS.values())


def test_both_have_the_same_tables() -> None:
    """Of a table the number of rows and cells, and what is no language: code, marks and links."""
    english, japanese = list_tables(ENGLISH), list_tables(JAPANESE)
    assert len(english) == 3

    def bare(tables: list[list[list[str]]]) -> list[list[list[list[str]]]]:
        sign = re.compile(rf"`[^`]+`|\]\([^)]+\)|^{YES}$|^{NO}$")
        return [[[sign.findall(cell) for cell in row] for row in table] for table in tables]

    assert bare(english) == bare(japanese)


def test_both_have_the_same_commands_links_and_lines() -> None:
    assert len(list_commands(ENGLISH)) > 8
    assert list_commands(ENGLISH) == list_commands(JAPANESE)
    assert list_links(ENGLISH) == list_links(JAPANESE)
    assert cut_between_marks(ENGLISH, EXCERPT) == cut_between_marks(JAPANESE, EXCERPT)


@pytest.mark.parametrize(("text", "heading"), [(ENGLISH, 0), (JAPANESE, 1)])
def test_what_is_proved_and_what_is_not_takes_five_lines(text: str, heading: int) -> None:
    title = next(pair for pair in HEADINGS.items() if pair[0] == "What is proved, and what is not")[heading]
    part = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    assert len(re.findall(r"^- \S", part, flags=re.MULTILINE)) == 5


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in list_links(page.read_text(encoding="utf-8")):
            path = Path(os.path.normpath(page.parent / target.partition("#")[0]))
            if path.suffix == ".md" and path.is_file():
                waiting.append(path)
    assert set((ROOT / "docs").rglob("*.md")) - seen == set()


@pytest.mark.parametrize(
    ("text", "words", "unrestored"),
    [
        (ENGLISH, ("real", "virtual switch", "stand-in", "text"), f"{YES} (no restore)"),
        (JAPANESE, ("本物", "仮想スイッチ", "代役", "文字列"), f"{YES} (自動復旧なし)"),
    ],
)
def test_the_table_of_platforms_is_what_is_installed(
    text: str, words: tuple[str, str, str, str], unrestored: str
) -> None:
    rows = {row[0].strip("`"): row[1:] for row in list_tables(text)[0] if row[0].startswith("`")}
    assert sorted(rows) == sorted(list_platforms())
    for name, (*marks, verified) in rows.items():
        platform = load_platform(name)
        readable, changeable = isinstance(platform, Readable), is_changeable(platform)
        wanted = [YES if one else NO for one in (readable, True, changeable, readable)]
        if changeable and not platform.capabilities.restores_itself:
            wanted[2] = unrestored
        assert marks == wanted, name
        real, virtual, stand_in, text_only = words
        # What is tried by an emulated device of the tests alone is a stand-in, also where it can be changed.
        changed = (real,) if isinstance(platform, Operable) else (virtual, stand_in)
        assert verified.startswith(changed if changeable else (stand_in,) if readable else (text_only,)), name


def test_the_lines_of_output_are_ten_of_the_demo() -> None:
    output = cut_between_marks((ROOT / "docs" / "demo.md").read_text(encoding="utf-8"), DEMO)
    assert len(CHOSEN) == 10
    assert cut_between_marks(ENGLISH, EXCERPT) == choose_lines(output)


def test_the_table_of_chapters_is_current() -> None:
    page = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    assert cut_between_marks(page, CHAPTERS) == describe_chapters()


def test_the_run_of_the_demo_is_of_today_s_chapters_and_city() -> None:
    """A run is recorded, never edited: it has every chapter, with its title, and the city as `check` tells it now."""
    output = cut_between_marks((ROOT / "docs" / "demo.md").read_text(encoding="utf-8"), DEMO)
    wanted = [f"{place}/{len(LISTED)} {one.name}: {one.title}" for place, one in enumerate(LISTED, 1)]
    assert re.findall(r"^== (\d+/.*)$", output, flags=re.MULTILINE) == wanted
    told = here("check", "--policies", "policies", cwd=ROOT).said
    city = re.search(r"[^\n]*synthetic city of .* rules; 0 errors", told)
    assert city is not None
    assert city[0] in output


def test_an_output_that_lacks_a_line_is_refused() -> None:
    with pytest.raises(LineMissing, match="apply"):
        choose_lines("a synthetic city of 1: 0 errors\nplan: 1 of 1 devices would change\nproof: 1 filters rendered\n"
                     "proof: 1 states on the way")  # fmt: skip


def test_the_commands_to_start_on_own_data_work_one_after_the_other(tmp_path: Path) -> None:
    part = ENGLISH.partition("## Start on your own data\n")[2].partition("\n## ")[0]
    commands = [one.partition("#")[0].split() for one in list_commands(part) if one.startswith("tsunagu ")]
    assert [one[1] for one in commands] == ["init", "check", "render", "explain", "plan"]
    done = [here(*one[1:], cwd=tmp_path) for one in commands]
    assert [one.code for one in done] == [0] * 5, done
