"""Mistakes that people make in files and on the command line: what each does, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.cli.output import Exit
from tests.cli.running import Done, here
from tests.policies import PolicyFolder

SCHOOLS = "city/schools/asao.yaml"
SEGMENTS = "access/segments.yaml"
RULES = "access/rules.yaml"
CITY = "city/city.yaml"
CORE = "kw-s01-core1.cfg"
CHECK = "check --on 2026-12-01"
PLAN = "plan --school kw-s01 --configs configs"
Prepare = Callable[[Path], object]


@dataclass(frozen=True)
class Mistake:
    """A mistake: the command, what makes it wrong, where it must be seen, and the words that say what to write."""

    name: str
    command: str
    prepare: Prepare
    where: str
    says: tuple[str, ...]
    code: Exit = Exit.FAILED
    is_said_once: bool = True


def nothing(_folder: Path) -> None:
    """The files are good; the command line is not."""


def edit(name: str, old: str, new: str) -> Prepare:
    """Replace the first text in a policy file."""

    def run(folder: Path) -> None:
        path = folder / "policies" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return run


def write(name: str, content: str | bytes) -> Prepare:
    """Write a file of the folder that the command is run in."""

    def run(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return run


def encode(name: str, encoding: str) -> Prepare:
    """Save a policy file in another encoding."""

    def run(folder: Path) -> None:
        path = folder / "policies" / name
        path.write_bytes(path.read_text(encoding="utf-8").encode(encoding, errors="replace"))

    return run


def rename(old: str, new: str) -> Prepare:
    return lambda folder: (folder / "policies" / old).rename(folder / "policies" / new)


def copy(old: str, new: str) -> Prepare:
    return lambda folder: (folder / "policies" / new).write_bytes((folder / "policies" / old).read_bytes())


def link(name: str, target: str) -> Prepare:
    return lambda folder: (folder / "policies" / name).symlink_to(target)


def save(name: str, change: Callable[[str], str] = lambda text: text) -> Prepare:
    """Save the configuration of a core, changed, under a name."""

    def run(folder: Path) -> None:
        (folder / "configs").mkdir()
        text = (folder / "rendered.cfg").read_text(encoding="utf-8")
        (folder / "configs" / name).write_text(change(text), encoding="utf-8")

    return run


def save_bytes(content: bytes) -> Prepare:
    return write(f"configs/{CORE}", content)


def stand_before(line: str, before: str = "vlan 20\n") -> Callable[[str], str]:
    """Put a line into a configuration."""
    return lambda text: text.replace(before, f"{line}\n{before}", 1)


def make_folder(place: Path, rendered: str) -> Path:
    """Return a folder with a good city and a good configuration to spoil."""
    PolicyFolder(place)
    (place / "rendered.cfg").write_text(rendered, encoding="utf-8")
    return place


def answer(mistake: Mistake, folder: Path) -> Done:
    """Make a mistake, and hold what is said against what must be."""
    mistake.prepare(folder)
    done = here(*mistake.command.split(), cwd=folder)
    said = done.errors + done.said
    assert done.code == mistake.code, said
    assert mistake.where in said, said
    assert all(text in said for text in mistake.says), said
    if mistake.is_said_once:
        assert said.count(mistake.says[0]) == 1, said
    for words in ("Traceback", "pattern '", "Input should", "Value error"):
        assert words not in said, said
    return done
