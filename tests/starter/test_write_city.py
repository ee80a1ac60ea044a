"""The small city that `tsunagu init` writes: every command works on it, and nothing is ever written over."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.model.loading.load_city import load_city
from controller.starter.write_city import list_starter_files, write_starter_city
from tests.cli.running import here


def test_every_line_of_a_file_is_explained_or_plain() -> None:
    files = dict(list_starter_files())
    assert len(files) >= 12
    for name, text in files.items():
        assert name.endswith(".json") or text.startswith("# "), name


def test_it_is_small_and_has_one_family() -> None:
    with_words = "".join(text for name, text in list_starter_files() if name.startswith(("city/", "access/")))
    assert with_words.count("  - id: ") < 40


def test_all_first_commands_work_on_it(tmp_path: Path) -> None:
    done = here("init", "our-city", "--id", "minato", "--name", "みなと市: 1", cwd=tmp_path)
    assert done.code == 0, done
    assert done.said.endswith("next: tsunagu check --policies our-city\n")
    city = load_city(tmp_path / "our-city")
    assert (city.id, city.name) == ("minato", "みなと市: 1")
    assert (len(city.schools), len(city.segments), len(city.rules)) == (1, 5, 4)
    place = ("--policies", "our-city")
    checked = here("check", *place, cwd=tmp_path)
    assert (checked.code, "0 errors, 0 warnings" in checked.said) == (0, True), checked
    assert here("render", *place, "--school", "first-e01", "-o", "configs", cwd=tmp_path).code == 0
    text = (tmp_path / "configs/first-e01-core1.cfg").read_text(encoding="utf-8")
    assert "10.1.0.1" in text
    assert "ipv6" not in text
    denied = here("explain", *place, "--from", "first-e01/pupil", "--to", "groupware", cwd=tmp_path)
    assert "DENIED" in denied.said
    proved = here("prove", *place, "--all", cwd=tmp_path)
    assert (proved.code, "done, all hold" in proved.said) == (0, True), proved
    planned = here("plan", *place, "--school", "first-e01", "--configs", "configs", cwd=tmp_path)
    assert (planned.code, "nothing would change" in planned.said) == (0, True), planned


def test_a_program_reads_what_was_written(tmp_path: Path) -> None:
    said = json.loads(here("init", "x/y", "--json", cwd=tmp_path).said)
    assert said["folder"] == "x/y"
    assert sorted(said["files"]) == sorted(
        str(one.relative_to(tmp_path / "x/y")) for one in (tmp_path / "x/y").rglob("*") if one.is_file()
    )


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used/.hidden").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name, said in (("used", "holds something already"), ("file", "is no folder"), ("link", "is no folder")):
        done = here("init", name, cwd=tmp_path)
        assert done.code == 1
        assert said in done.errors
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "link", "used"]


def test_an_empty_folder_is_taken_and_its_files_are_as_the_users_others(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    before = os.umask(0o027)
    try:
        write_starter_city(tmp_path / "city")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "city").stat().st_mode) == 0o750
    assert [one.name for one in tmp_path.iterdir()] == ["city"]


def test_a_place_that_cannot_be_written_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TsunaguError, match=r"file/city: the city cannot be written: "):
        write_starter_city(tmp_path / "file/city")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--id", "みなと"), "lower-case letters"),
        (("--id", ""), "lower-case letters"),
        (("--id", "a b"), "lower-case letters"),
        (("--name", "a\nb"), "in one line"),
        (("--name", "{{ x }}"), "in one line"),
    ],
)
def test_a_name_that_the_files_could_not_hold_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = here("init", "x", *words, cwd=tmp_path)
    assert done.code == 64
    assert said in done.errors
    assert not (tmp_path / "x").exists()
