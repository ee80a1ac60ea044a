"""What a playbook can be told: the project's own declare it, and what they do not declare is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.messages import LANGUAGES, load_catalogue
from controller.rollout.playbooks.playbook_settings import build_variables, list_playbooks, read_playbook

BOOKS = Path(__file__).parents[2] / "playbooks"
SPECIFICATION = """argument_specs:
  main:
    short_description: Tries things
    options:
      book_folder: {description: Where to write., type: path}
      book_day: {description: A day., type: str, required: true}
      book_file: {description: A file., type: path}
"""


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """A folder with one playbook that has settings, and one without a role."""
    meta = tmp_path / "books/roles/book/meta"
    meta.mkdir(parents=True)
    (meta / "argument_specs.yml").write_text(SPECIFICATION, encoding="ascii")
    for name in ("book", "plain"):
        (tmp_path / "books" / f"{name}.yml").touch()
    return tmp_path / "books"


def test_every_playbook_of_the_project_says_what_it_is_for_in_both_languages() -> None:
    found = list_playbooks(BOOKS)
    assert [one.name for one in found] == sorted(path.stem for path in BOOKS.glob("*.yml"))
    for one in found:
        assert one.purpose
        for language in LANGUAGES:
            assert load_catalogue(language)[f"playbook_purposes.{one.name}"]


def test_paths_are_those_of_the_operator_s_folder(books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = build_variables(read_playbook(books, "book"), tmp_path / "out", ("day=2026-12-01", "file=a/b.txt"))
    assert found == {
        "book_folder": str(tmp_path / "out"),
        "book_day": "2026-12-01",
        "book_file": str(tmp_path / "a/b.txt"),
    }


def test_a_playbook_without_a_role_is_told_nothing(books: Path) -> None:
    plain = read_playbook(books, "plain")
    assert build_variables(plain, books, ()) == {}
    with pytest.raises(TsunaguError, match="the playbook plain has no such setting; it has: none"):
        build_variables(plain, books, ("day=1",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), r"needs --set day=\.\.\. \(A day\.\)"),
        (("day",), "expected NAME=VALUE"),
        (("day=",), "expected NAME=VALUE"),
        (("=x",), "has no such setting; it has: day, file"),
        (("dy=1",), "did you mean day"),
        (("folder=/x", "day=1"), "'folder': the playbook book has no such setting"),
        (("book_day=1",), "'book_day': the playbook book has no such setting"),
        (("day=1", "day=2"), "--set day: is given twice"),
        (("day={{ lookup('pipe', 'id') }}",), "a value is no template"),
        (("day={% x %}",), "a value is no template"),
        (("day=1", "file={# x #}"), "a value is no template"),
    ],
)
def test_what_a_playbook_has_not_is_refused(books: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(TsunaguError, match=said):
        build_variables(read_playbook(books, "book"), books, words)


@pytest.mark.parametrize("text", ["", "[", "argument_specs: 1\n", "argument_specs: {main: {options: {a: 1}}}\n"])
def test_a_declaration_that_cannot_be_read_is_named(books: Path, text: str) -> None:
    file = books / "roles/book/meta/argument_specs.yml"
    file.write_text(text, encoding="ascii")
    with pytest.raises(TsunaguError, match=r"argument_specs.yml: argument_specs.main cannot be read"):
        read_playbook(books, "book")
