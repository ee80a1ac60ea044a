"""The mutants tool on a tiny project: it tells a strong test from a weak one, and leaves everything as it was."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from controller.lab.state.processes import wait_until
from tools.mutants import worker
from tools.mutants.copies import UntriedError
from tools.mutants.equivalent import Equivalent, StaleEntryError, check_equivalents, read_equivalents
from tools.mutants.operators import Mutant, apply_mutant, list_mutants
from tools.mutants.probes import add_probes
from tools.mutants.table import write_table
from tools.mutants.targets import find_modules_apart, find_near_tests, list_modules
from tools.mutants.trials import Result, Settings, draw_mutants, try_modules

ROOT = Path(__file__).resolve().parents[2]
MODULE = "controller/sums/limits.py"
LIMITS = '''"""Sums."""

LEAST = 3


def strong(value: int, high: int) -> bool:
    """Say it."""
    return LEAST <= value < high


def weak(value: int) -> int:
    if value > 4:
        value = value - 1
    return value
'''
TESTS = """
from controller.sums.limits import strong, weak


def test_strong():
    assert [strong(value, 5) for value in (2, 3, 4, 5)] == [False, True, True, False]


def test_weak():
    assert isinstance(weak(9), int)
"""
COUNT = """
def count(value: int) -> int:
    while value > 0:
        value -= 2
    return value
"""
COUNT_TESTS = """
import subprocess
import sys


def test_count():
    words = "from controller.sums.limits import count; print(count(4))"
    assert subprocess.run([sys.executable, "-c", words], capture_output=True, text=True).stdout == "0\\n"
"""


def plant(folder: Path, tests: str = TESTS, module: str = LIMITS) -> Path:
    files = {
        MODULE: module,
        "controller/__init__.py": "",
        "controller/sums/__init__.py": "",
        "controller/apart.py": "X = 1\n",
        "controller/above.py": "from controller.sums import limits\n",
        "tests/sums/test_limits.py": tests,
        "tests/other/test_above.py": "from controller import above, apart\n",
        "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["lab"]\naddopts = "--import-mode=importlib"\n',
        ".gitignore": ".tsunagu/\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def tried(root: Path, only: str = "", skipped: set[tuple[str, str]] | None = None) -> dict[str, str]:
    results = try_modules([MODULE], Settings(root, 1, 100, only=only), skipped or set())
    return {one.mutant.name: one.end for found in results for one in found}


def names(text: str) -> list[str]:
    return [one.name for one in list_mutants(text)]


def test_strong_and_weak(tmp_path: Path) -> None:
    root = plant(tmp_path)
    ends = tried(root)
    assert {end for name, end in ends.items() if name.startswith(("strong", "module"))} == {"killed"}
    assert {name for name, end in ends.items() if end == "survived"} == {
        "weak: comparison: value > 4 -> value >= 4",
        "weak: comparison: value > 4 -> value <= 4",
        "weak: constant: 4 -> 5",
        "weak: constant: 4 -> 3",
        "weak: arithmetic: value - 1 -> value + 1",
        "weak: constant: 1 -> 2",
        "weak: constant: 1 -> 0",
    }
    assert (root / MODULE).read_text(encoding="utf-8") == LIMITS


def test_a_program_that_a_test_starts_runs_the_mutant(tmp_path: Path) -> None:
    assert tried(plant(tmp_path, COUNT_TESTS, COUNT), "count: comparison: value > 0 -> value >= 0") == {
        "count: comparison: value > 0 -> value >= 0": "killed"
    }


def test_a_test_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.mutants.trials.AT_LEAST", 3.0)
    monkeypatch.setattr("tools.mutants.trials.TIMES", 0.0)
    assert tried(plant(tmp_path, COUNT_TESTS, COUNT), "count: arithmetic") == {
        "count: arithmetic: value -= 2 -> value += 2": "timed out"
    }


def test_a_run_that_has_been_waited_for_is_killed_by_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[threading.Thread] = []
    wait = os.waitpid

    def look(child: int, options: int) -> tuple[int, int]:
        waiting.extend(one for one in threading.enumerate() if isinstance(one, threading.Timer))
        return wait(child, options)

    monkeypatch.setattr(os, "waitpid", look)
    assert worker.run_in_fork(lambda: {"end": "survived"}, 60.0)[0] == {"end": "survived"}
    assert not waiting


def test_skipped_ones_are_not_tried(tmp_path: Path) -> None:
    name = "weak: constant: 4 -> 5"
    assert tried(plant(tmp_path), name, {(MODULE, name)}) == {name: "equivalent"}


def test_tests_that_fail_without_a_mutant(tmp_path: Path) -> None:
    root = plant(tmp_path, TESTS + "\n\ndef test_bad():\n    assert weak(1) == 2\n")
    with pytest.raises(UntriedError, match="test_bad"):
        tried(root)


def test_a_test_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(UntriedError, match="no_such_module"):
        tried(plant(tmp_path, "import no_such_module\n"))


def test_the_draw_follows_the_seed_and_is_even_by_kind() -> None:
    first = draw_mutants(LIMITS, MODULE, Settings(ROOT, 1, 8))
    assert first == draw_mutants(LIMITS, MODULE, Settings(ROOT, 1, 8))
    assert any(first != draw_mutants(LIMITS, MODULE, Settings(ROOT, seed, 8)) for seed in range(2, 6))
    assert max(Counter(one.kind for one in first).values()) <= 3


def test_every_kind_of_mutant() -> None:
    text = """
def f(a, b):
    if a and not b:
        raise ValueError("words", 3)
    store[a] = -b
    log(a, b, a)
    return [one for one in a if one]
"""
    assert names(text) == [
        "f: condition: a and (not b) -> not (a and (not b))",
        "f: boolean: a and (not b) -> a or not b",
        "f: boolean: a and (not b) -> not b",
        "f: boolean: a and (not b) -> a",
        "f: condition: not b -> b",
        "f: deleted statement: raise ValueError('words', 3) -> pass",
        "f: deleted statement: store[a] = -b -> pass",
        "f: arithmetic: -b -> b",
        "f: deleted statement: log(a, b, a) -> pass",
        "f: swapped arguments: log(a, b, a) -> log(b, a, a)",
        "f: swapped arguments: log(a, b, a) -> log(a, a, b)",
        "f: return value: return [one for one in a if one] -> return None",
        "f: condition: one -> not one",
    ]


@pytest.mark.parametrize(
    "text",
    [
        '"""Words of a module."""\n',
        "def f(a: int | None, b: Literal[3]) -> set[1]:\n    '''Words.'''\n",
        "@dataclass(frozen=True, slots=True)\nclass A(B[1]):\n    ...\n",
        "if TYPE_CHECKING:\n    import a\n",
        "def f():\n    os.kill(1, 9)\n",
        "def f():\n    g(encoding='x'.join('y'))\n",
        "__all__ = ['a']\n",
        "def f(a):\n    assert a is not None and a.b > 3\n",
        "Either = First | Second\n",
        'def f():\n    g(f"{a} of", "words")\n',
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert [name for name in names(text) if not name.endswith("pass") and "swapped" not in name] == []


def test_a_mutant_is_one_change_and_can_be_made_again() -> None:
    text = "def f(a):\n    return a == 1 or a == 1\n"
    assert apply_mutant(text, "f: comparison: a == 1 -> a != 1 #2") == "def f(a):\n    return a == 1 or a != 1"
    with pytest.raises(KeyError):
        apply_mutant(text, "f: comparison: a == 2 -> a != 2")


def test_all_mutants_of_this_project_can_be_compiled() -> None:
    for module in ("controller/rollout/waves.py", "controller/plan/select.py"):
        text = (ROOT / module).read_text(encoding="utf-8")
        every = names(text)
        assert len(every) == len(set(every)) > 20
        for name in every[::9]:
            compile(apply_mutant(text, name), module, "exec")


def test_probes_tell_each_line_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '''"""Words."""
from __future__ import annotations


def f(a):
    """Words."""
    try:
        if a:
            return [a]
        else:
            match a:
                case 0:
                    a = 1 // a
    except ZeroDivisionError:
        for one in (1, 2):
            a += one
    finally:
        a += 4
    return a
'''
    lines: list[int] = []
    monkeypatch.setattr(builtins, "__lines_of_module_3__", lines.append, raising=False)
    names: dict[str, Any] = {}
    exec(add_probes(text, 3), names)  # noqa: S102 a text of ours
    assert names["f"](0) == 7
    assert lines == [7, 8, 11, 13, 15, 16, 16, 18, 19]
    lines.clear()
    assert names["f"](5) == [5]
    assert lines == [7, 8, 9, 18]
    monkeypatch.undo()
    exec(add_probes(text, 3), names)  # noqa: S102 a text of ours
    assert names["f"](0) == 7


def test_which_tests_are_near_and_which_modules_apart(tmp_path: Path) -> None:
    root = plant(tmp_path)
    assert find_near_tests(root, MODULE) == ["tests/sums/test_limits.py"]
    assert find_near_tests(root, "controller/apart.py") == ["tests/other/test_above.py"]
    assert find_modules_apart(root, MODULE, ["tests/other/test_above.py"]) == [
        "controller",
        "controller.apart",
        "controller.sums",
    ]
    with pytest.raises(ValueError, match=r"controller/none\.py"):
        list_modules(root, ["controller/none.py"])


def test_an_entry_that_matches_nothing_is_an_error() -> None:
    good = Equivalent(module=MODULE, mutant="weak: constant: 4 -> 5", reason="no one sees it")
    there = {MODULE: {good.mutant}}
    check_equivalents([good], there)
    for wrong in (good.model_copy(update={"mutant": "gone"}), good.model_copy(update={"module": "gone.py"})):
        with pytest.raises(StaleEntryError, match="gone"):
            check_equivalents([good, wrong], there)
    with pytest.raises(StaleEntryError, match="twice"):
        check_equivalents([good, good], there)
    with pytest.raises(StaleEntryError, match="without a reason"):
        check_equivalents([good.model_copy(update={"reason": " "})], there)


def test_the_committed_entries_match() -> None:
    entries = read_equivalents()
    modules = {one.module for one in entries if (ROOT / one.module).is_file()}
    check_equivalents(entries, {one: set(names((ROOT / one).read_text(encoding="utf-8"))) for one in modules})


def test_the_table_keeps_the_rows_of_other_modules(tmp_path: Path) -> None:
    page = tmp_path / "mutants.md"
    mutant = Mutant(3, "f", "constant", "1 -> 2", at_import=False, lines=range(3, 4))

    def results(module: str, *ends: str) -> dict[str, list[Result]]:
        return {module: [Result(module, mutant, end, "", 0.1) for end in ends]}

    write_table(page, results("a/b.py", "killed", "timed out", "survived", "equivalent"), 1, ["a/b.py"])
    write_table(page, results("a/c.py", "survived", "survived"), 7, ["a/b.py", "a/c.py"])
    write_table(page, results("a/c.py", "killed"), 8, ["a/b.py", "a/c.py"])
    text = page.read_text(encoding="utf-8")
    assert "| `a/b.py` | 1 | 4 | 2 | 1 | 1 | 1 | 66 % |" in text
    assert "| `a/c.py` | 8 | 1 | 1 | 0 | 0 | 0 | 100 % |" in text
    assert "| a/ |  | 5 | 3 | 1 | 1 | 1 | 75 % |" in text
    assert "| together |  | 5 | 3 | 1 | 1 | 1 | 75 % |" in text
    assert text.count("- `") == 1
    write_table(page, {}, 9, ["a/c.py"])
    assert "a/b.py" not in page.read_text(encoding="utf-8")


def test_ctrl_c_leaves_no_process_and_no_copy(tmp_path: Path) -> None:
    root = plant(tmp_path / "project", module=COUNT.replace("value -= 2", "value += 0"), tests=(
        "import os\nfrom pathlib import Path\nfrom controller.sums.limits import count\n\n"
        f"def test_long():\n    Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n    count(1)\n"
    ))  # fmt: skip
    words = (
        "from pathlib import Path; from tools.mutants.trials import Settings, try_modules;"
        f"list(try_modules([{MODULE!r}], Settings(Path({str(root)!r}), 1, 5), set()))"
    )
    (scratch := tmp_path / "scratch").mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen([sys.executable, "-c", words], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as tool:
        assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "", 60.0)
        tool.send_signal(signal.SIGINT)
        assert tool.wait(timeout=30.0) != 0
    pid = (tmp_path / "pid").read_text(encoding="utf-8")
    assert wait_until(
        lambda: not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(), 10
    )
    assert list(scratch.glob("tsunagu-mutants-*")) == []
    assert tempfile.gettempdir() != str(scratch)
