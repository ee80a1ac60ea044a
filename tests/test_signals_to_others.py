"""A signal goes to no process that only has the number of another: each place that sends one says how it knows that."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("controller", "monitoring", "playbooks", "stacks", "tests", "tools")
FORK = "a fork of its own, which has not been waited for: until then nobody else gets its number"
STOPPED = "waitpid has said that this fork is stopped, so it has not ended and keeps its number"
SENT = {
    "controller/lab/state/processes.py: signal_process": "the one helper: it asks for the start time right before",
    "controller/measure/probes/probe_path.py: _kill_group": "a Popen that has not been waited for; it looks",
    "controller/probe_agent/probing/throughput.py: _kill_group": "a Popen that has not been waited for; it looks",
    'controller/platforms/common/own_restore.sh: kill -s TERM -- "-$pid"': "`alive` has compared the start time",
    'controller/platforms/common/own_restore.sh: kill -s TERM "$process"': "it looks at the command line right before",
    "tests/chaos/durable_chaos.py: run_process": STOPPED,
    "tests/chaos/lab_chaos.py: run_process": STOPPED,
    'tests/platforms/hostapd/access_point.py: kill "$pid"': "it looks at the command line right before",
    "tests/rollout/durable/test_many_workers.py: begin_rollout": FORK,
    "tests/rollout/durable/test_many_workers.py: test_a_frozen_worker_pushes_nothing_when_it_wakes": STOPPED,
    "tests/started_processes.py: kill_restore_jobs": "the helper for groups found again: it asks for the start time",
    "tests/started_processes.py: signal_group": "the helper for groups of a Popen: it refuses one that was waited for",
    "tests/tools/test_demo_chapters.py: test_an_engine_that_has_been_waited_for_leaves_its_number_to_others": (
        "the engine's own sending, which the test looks at"
    ),
    "tests/tools/test_mutants.py: os.kill(1, 9)": "a text that is read for what may be changed in it; nobody runs it",
    "tools/demo/engine.py: end": "a Popen whose end is seen without waiting for it",
    "tools/mutants/worker.py: _kill_group": FORK,
    "tools/run_tests.py: building_collector": "a Popen that has just been asked, and was not waited for",
    'tools/setup_services.sh: kill -0 "$guard"': "signal 0 reaches nobody; it only asks whether there is one",
}
"""Who sends, and why it reaches nobody else. Whoever sends to its own number (`os.getpid()`) needs no reason."""
SENDERS = frozenset({"os.kill", "os.killpg", "signal.pidfd_send_signal"})
IN_SHELL = re.compile(r"""\bkill\s[^\n;|]*?["']?-?\$\{?\w+\}?["']?|\b(?:pkill|killall|fuser -k)\b[^\n]*""")
IN_PYTHON_TEXT = re.compile(r"os\.kill(?:pg)?\((?!os\.getpid\(\))[^\n]*")


def find_senders(text: str) -> set[str]:
    """The functions of a Python text that name what sends a signal, and what its texts for other programs send."""
    tree = ast.parse(text)
    inside = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if not isinstance(inside[node], ast.Expr):
                found |= find_in_shell(node.value) | {one.strip() for one in IN_PYTHON_TEXT.findall(node.value)}
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            found |= {f"from os import {one.name}" for one in node.names if f"os.{one.name}" in SENDERS}
        elif isinstance(node, ast.List | ast.Tuple) and node.elts:
            first = node.elts[0]
            is_program = isinstance(first, ast.Constant) and first.value in {"kill", "pkill", "killall"}
            if is_program and not all(isinstance(one, ast.Constant) for one in node.elts):
                found.add(ast.unparse(node))
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in SENDERS and not _is_for_itself(inside[node]):
            found.add(_name_function(node, inside))
    return found


def find_in_shell(text: str) -> set[str]:
    """What the lines of a shell program send to a number that they hold in a variable."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {one.group().strip() for line in lines for one in IN_SHELL.finditer(line)}


def _is_for_itself(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(node.args) and ast.unparse(node.args[0]) == "os.getpid()"


def _name_function(node: ast.AST, inside: dict[ast.AST, ast.AST]) -> str:
    while node in inside:
        node = inside[node]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return node.name
    return "the module"


def test_every_signal_to_another_process_has_its_reason() -> None:
    found = set()
    for path in (one for folder in FOLDERS for one in (ROOT / folder).rglob("*")):
        if path == Path(__file__) or path.suffix not in {".py", ".sh", ".yaml", ".yml", ".j2"}:
            continue
        read = find_senders if path.suffix == ".py" else find_in_shell
        text = path.read_text(encoding="utf-8")
        if re.search("kill|pidfd", text):
            found |= {f"{path.relative_to(ROOT)}: {one}" for one in read(text)}
    assert found == set(SENT)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(pid):\n    os.kill(pid, 9)\n", {"f"}),
        ("Timer(1, os.killpg, (pid, 9))\n", {"the module"}),
        ("os.kill(os.getpid(), 9)\n", set()),
        ("from os import kill\n", {"from os import kill"}),
        ("run(['kill', str(pid)])\n", {"['kill', str(pid)]"}),
        ("run('''kill -9 \"$pid\"\n''')\n", {'kill -9 "$pid"'}),
        ("PROGRAM = 'os.kill(7, 9)'\n", {"os.kill(7, 9)"}),
        ("'''An `os.kill(7, 9)` in words.'''\n", set()),
    ],
)
def test_a_planted_sender_is_found(text: str, found: set[str]) -> None:
    assert find_senders(text) == found
