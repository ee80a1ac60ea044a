r"""What reaches a terminal, a log or a program that reads `--json` holds no control character of others.

Seen before: a device's error with escape sequences set the title, cleared the screen and showed a false result; an
unknown field's name in YAML was printed raw.
"""

from __future__ import annotations

import ast
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from controller.cli.output import console, errors, print_data, print_line, say_json, say_table
from controller.inputs.shown_text import escape_controls, escape_lines
from tests.cli.running import here
from tests.policies import PolicyFolder

ROOT = Path(__file__).parents[2]
ATTACKS = {
    "title": "\x1b]0;all is well\x07",
    "screen": "\x1b[2J\x1b[Happlied",
    "c1": "\x9b2Japplied",
    "carriage return": "failed\rapplied",
    "backspace": "failed\b\b\b\b\b\bapplied",
    "reversed": "\u202edeilppa",
    "isolated": "\u2066x\u2069",
    "line separator": "x\u2028tsunagu: applied",
    "link": "\x1b]8;;http://x.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "query": "\x1b[6n\x1b[c\x05",
    "tags": "\U000e0041\U000e0042",
    "surrogate": "\udc9b",
    "delete": "x\x7f\x7f",
}
TEXTS = st.one_of(
    st.text(st.characters(categories=("C", "Z", "L", "S")), max_size=30),
    st.lists(st.sampled_from([*ATTACKS.values(), "[red]", "[/]", "x", "校"]), max_size=4).map("".join),
)


def printed(what: object) -> str:
    """What the consoles write of something, one after the other."""
    said, complained = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(complained):
        if isinstance(what, str):
            print_line(what)
            print_line(what, "cyan")
            print_data(what)
            errors.print(what, style="red", markup=False)
            errors.print(f"tsunagu: {what}", markup=False)
        elif isinstance(what, Table):
            console.print(what)
            say_table(what, 120)
        else:
            say_json({"value": what})
    return said.getvalue() + complained.getvalue()


def is_clean(text: str) -> bool:
    return escape_lines(text) == text


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_reaches_the_terminal(name: str) -> None:
    attack = ATTACKS[name]
    shown = printed(f"before {attack} behind")
    assert is_clean(shown)
    # Nothing is swallowed in silence: what was there is seen.
    assert shown.count(escape_controls(attack)) == 5
    table = Table("a", title=attack)
    table.add_row(attack)
    assert is_clean(printed(table))


@given(TEXTS)
def test_no_text_reaches_the_terminal_with_controls(text: str) -> None:
    assert is_clean(printed(text))


@given(TEXTS, TEXTS)
def test_no_cell_and_no_heading_of_a_table_does(cell: str, heading: str) -> None:
    table = Table(escape_lines(heading).replace("[", "("), title_justify="left")
    table.add_row(cell.replace("[", "("), style="bold")
    assert is_clean(printed(table))


@given(st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)))
def test_a_json_document_is_clean_and_means_the_same(value: object) -> None:
    shown = printed([value])
    assert is_clean(shown)
    assert json.loads(shown)["value"] == json.loads(json.dumps([value]))


@pytest.mark.parametrize("name", ["title", "c1", "reversed", "tags", "link"])
def test_a_policy_does_not_write_to_the_terminal(tmp_path: Path, name: str) -> None:
    policies = PolicyFolder(tmp_path)
    hostile = json.dumps(ATTACKS[name])
    policies.append("access/rules.yaml", f"{hostile}: 1\n")
    policies.append("access/people.yaml", f"x: {hostile}\n")
    policies.edit("access/segments.yaml", "vlan: 10", f"vlan: {hostile}")
    policies.edit("city/city.yaml", "  - 10.255.0.10/32", f"  - {hostile}")
    done = here("check", cwd=tmp_path)
    assert done.code == 1
    assert is_clean(done.said + done.errors)
    # Four faults, each told in a line of its own.
    assert done.errors.count("\n  policies/") >= 4


@pytest.mark.parametrize("name", ["title", "c1", "reversed"])
def test_a_file_name_and_a_word_of_the_command_line_do_not_either(tmp_path: Path, name: str) -> None:
    policies = PolicyFolder(tmp_path)
    (policies.path / f"access/prefixes/x{ATTACKS[name].replace('/', '')}.yaml").write_text("x: 1", encoding="utf-8")
    for words in (["check"], ["check", "--policies", ATTACKS[name]], [f"plan{ATTACKS[name]}"], ["plan", ATTACKS[name]]):
        done = here(*words, cwd=tmp_path)
        assert done.code != 0
        assert is_clean(done.said + done.errors)


WRITERS = {
    "controller/cli/output.py": "the last place itself",
    "controller/cli/main.py": "closes the standard output, and writes nothing there",
    "controller/cli/conventions/entry.py": "candidates for a shell, made of printable characters",
    "controller/cli/devices/agent.py": "the program for devices, a part of this one, byte for byte",
    "controller/cloud/installation.py": "the path of the engine, for the Makefile",
    "controller/cloud/pulumi_engine.py": "where the engine itself writes, instead of the standard output",
    "controller/cloud/state_record.py": "a record as JSON in ASCII, for the engine; its refusals are escaped there",
    "controller/lab/faults/delay_relay.py": "a process number, for the lab that started it",
    "controller/lab/faults/translation_filler.py": "a process number, for the lab that started it",
    "controller/lab/network/virtual_cores/core_program.py": "its number and own errors, into files of the lab",
    "controller/lab/services/http_server.py": "a process number, for the lab that started it",
    "controller/lab/virtual_switches/serve.py": "its own key, ports and processor time, for what started it",
    "controller/offline_google/provider/provider.py": "a port number and constant lines, for the engine",
    "controller/offline_google/world/world.py": "a tool of its own for its own file",
    "controller/probe_agent/problems.py": "a school's probe has no console of ours; each line is escaped there",
    "monitoring/__main__.py": "its own address; its refusals are escaped there",
    "monitoring/alerts/rules.py": "constant lines for who maintains the rules",
    "stacks/cloud_monitoring/render.py": "constant lines for who maintains the alert policies",
    "monitoring/dashboards/grafana.py": "constant lines for who maintains the dashboards",
}
"""Files that write to standard output or standard error themselves, and why nothing of others is in it."""


def writes_itself(tree: ast.AST) -> bool:
    """Whether code writes to the terminal without the consoles: `print`, `sys.stdout`, a console of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr"):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo", "typer.secho", "Console"):
            return True
    return False


def test_nobody_else_writes_to_the_terminal() -> None:
    found = {
        str(path.relative_to(ROOT))
        for top in ("controller", "stacks", "monitoring", "playbooks")
        for path in (ROOT / top).rglob("*.py")
        if writes_itself(ast.parse(path.read_text(encoding="utf-8")))
    }
    asks_only = {
        "controller/cli/devices/observation.py",
        "controller/cli/integration/plan.py",
    }  # whether it is a terminal
    assert found - asks_only == set(WRITERS), "print by controller.cli.output, or say why not"
