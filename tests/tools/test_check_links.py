from __future__ import annotations

import doctest
import subprocess
from pathlib import Path

import pytest

from tools import check_links
from tools.check_links import ROOT, find_broken_links, list_files, main, make_anchor

OTHER = """# One

## Two words

## Two words

<a id='here'></a>

```sh
# no heading
```

### `code` and [link](other.md)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "docs" / "other.md").write_text(OTHER, encoding="utf-8")
    (root / "docs" / "a picture.png").write_bytes(b"")
    (root / "with (brackets).md").write_text("# x\n", encoding="utf-8")
    (tmp_path / "outside.md").write_text("# x\n", encoding="utf-8")
    return root


def broken(project: Path, text: str) -> list[tuple[int, str, str]]:
    file = project / "README.md"
    file.write_text(text, encoding="utf-8")
    return [(one.line, one.target, one.reason) for one in find_broken_links(file, project)]


@pytest.mark.parametrize(
    "text",
    [
        "[a](docs/other.md)",
        "[a](docs)",
        "[a](./docs/other.md#two-words) [b](docs/other.md#two-words-1)",
        "[a](docs/other.md#here)",
        "[a](docs/other.md#code-and-link)",
        "# Mine\n[a](#mine)",
        "![a](docs/a%20picture.png)",
        "![a](<docs/a picture.png>)",
        '<img alt="a" src="docs/a%20picture.png">',
        '[a](docs/other.md "a title")',
        "[a](with%20(brackets).md)",
        "[a]: docs/other.md",
        "[a](https://nowhere.example/x) [b](mailto:a@b.example) [c](//nowhere.example)",
        "`[a](missing.md)`",
        "```\n[a](missing.md)\n```",
        "~~~~\n```\n[a](missing.md)\n~~~~",
        "see [3] (missing.md)",
    ],
)
def test_a_good_link_is_let_through(project: Path, text: str) -> None:
    assert broken(project, text) == []


@pytest.mark.parametrize(
    ("text", "line", "target", "reason"),
    [
        ("\n[a](missing.md)", 2, "missing.md", "there is no such file"),
        ("[a](docs/Other.md)", 1, "docs/Other.md", "there is no such file"),
        ("![a](missing.png)", 1, "missing.png", "there is no such file"),
        ("[![a](docs/other.md)](missing.md)", 1, "missing.md", "there is no such file"),
        ("[good](docs/other.md), [a](missing.md)", 1, "missing.md", "there is no such file"),
        ("[a]: missing.md", 1, "missing.md", "there is no such file"),
        ('<a href="missing.md">a</a>', 1, "missing.md", "there is no such file"),
        ('<img width="2" src="missing.png">', 1, "missing.png", "there is no such file"),
        ("[a](docs/other.md#three)", 1, "docs/other.md#three", "docs/other.md has no heading with this anchor"),
        (
            "[a](docs/other.md#no-heading)",
            1,
            "docs/other.md#no-heading",
            "docs/other.md has no heading with this anchor",
        ),
        (
            "[a](docs/other.md#two-words-2)",
            1,
            "docs/other.md#two-words-2",
            "docs/other.md has no heading with this anchor",
        ),
        ("[a](#mine)", 1, "#mine", "README.md has no heading with this anchor"),
        ("[a](../outside.md)", 1, "../outside.md", "leads out of the project"),
        ("[a](/docs/other.md)", 1, "/docs/other.md", "begins with '/'; write it relative to the file"),
        ("```\n```\n[a](missing.md)", 3, "missing.md", "there is no such file"),
    ],
)
def test_a_broken_link_is_named(project: Path, text: str, line: int, target: str, reason: str) -> None:
    assert broken(project, text) == [(line, target, reason)]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Two words", "two-words"),
        ("What `up` does, exactly: (1)", "what-up-does-exactly-1"),
        ("A - B", "a---b"),
        ("snake_case", "snake_case"),
        ("用語の表", "用語の表"),
        ("**Bold** and [a link](x.md)", "bold-and-a-link"),
    ],
)
def test_anchors_are_made_as_github_makes_them(heading: str, anchor: str) -> None:
    assert make_anchor(heading) == anchor


def test_every_file_of_the_project_is_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "README.md").write_text("[a](missing.md)", encoding="utf-8")
    (project / "docs" / "deep").mkdir()
    (project / "docs" / "deep" / "page.md").write_text("[a](../gone.md)", encoding="utf-8")
    (project / ".gitignore").write_text("ignored.md\n", encoding="utf-8")
    (project / "ignored.md").write_text("[a](missing.md)", encoding="utf-8")
    assert main(project) == 1
    assert capsys.readouterr().out.splitlines() == [
        "README.md:1: missing.md: there is no such file",
        "docs/deep/page.md:1: ../gone.md: there is no such file",
    ]


def test_a_project_without_documents_is_no_success(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert main(tmp_path) == 1


def test_the_links_of_this_project_are_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
    assert {ROOT / "README.md", ROOT / "README.ja.md", ROOT / "stacks" / "README.md"} <= set(list_files(ROOT))


def test_the_examples_are_true() -> None:
    assert doctest.testmod(check_links).failed == 0


def test_a_path_of_the_code_in_backquotes_must_be_there(project: Path) -> None:
    (project / "tools").mkdir()
    (project / "tools/one.py").touch()
    good = "`tools/one.py` `tools/` `tools/one.py::test_it` `python -m tools.gone`\n```sh\n`tools/gone.py`\n```\n"
    assert broken(project, good) == []
    assert broken(project, "`tools/gone.py`\n") == [(1, "tools/gone.py", "there is no such path in the project")]
