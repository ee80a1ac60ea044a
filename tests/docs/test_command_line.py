"""What follows from the commands: the option table, the JSON Schemas, the page, and an example for every command."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from controller.cli.conventions.command_tree import finish_command, list_commands
from controller.cli.conventions.examples import EXAMPLES
from controller.cli.conventions.json_forms import FORMS
from controller.exit_codes import MEANINGS, Exit
from tools.make_command_line import ROOT, find_outdated

COMMANDS: dict[str, Any] = dict(list_commands())


def test_what_is_generated_is_current() -> None:
    outdated = [str(path.relative_to(ROOT)) for path in find_outdated()]
    assert not outdated, "write them anew: python tools/make_command_line.py"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Exit)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_an_example_and_a_json_document(words: str) -> None:
    assert EXAMPLES.get(words), f"an example of `{words}` for controller/cli/conventions/examples.py"
    options = [option for parameter in COMMANDS[words].params for option in parameter.opts]
    assert "--json" in options, f"`{words}` without --json"
    assert any(words in form.commands for form in FORMS.values()), f"`{words}`: its document in json_forms.py"


def test_no_example_and_no_document_is_of_a_command_that_is_none() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert {words for form in FORMS.values() for words in form.commands} == set(COMMANDS)


@pytest.mark.parametrize(("words", "line"), [(words, one.words) for words in EXAMPLES for one in EXAMPLES[words]])
def test_an_example_is_read_as_the_command_reads_it(words: str, line: str) -> None:
    given = shlex.split(line.replace("~", "home"))
    assert " ".join(given).startswith(words)
    COMMANDS[words].make_context(words, given[len(words.split()) :])


@pytest.mark.parametrize("words", COMMANDS)
def test_help_shows_the_examples_and_no_type_of_the_program(words: str) -> None:
    command = COMMANDS[words]
    finish_command(command, words, None)
    with command.make_context(words, ["--help"], resilient_parsing=True) as context:
        said = command.get_help(context)
    assert "Examples:" in said
    for one in EXAMPLES[words]:
        assert f"tsunagu {one.words}  # {one.purpose}" in said
    for kind in ("list[", "<str>", "<path>", "<int"):
        assert kind not in said
