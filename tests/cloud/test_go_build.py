"""Programs from Go modules: built once, whole or not at all, and what fails says what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cloud.go_build import GoProgram, choose_kept_folder, provide_go_program
from controller.errors import CloudError
from tools.collector.build import describe_collector

WRITES = 'for word in "$@"; do [ "$before" = -o ] && echo built > "$word"; before=$word; done'


@pytest.fixture
def put_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a `go` first on PATH that does this when it builds; gives the file in which its calls stand."""

    def put(does: str) -> Path:
        calls, tools = tmp_path / "calls", tmp_path / "bin"
        tools.mkdir(exist_ok=True)
        text = f'#!/bin/sh\n[ "$1" = version ] && echo go version go1.26.6 && exit\necho "$@" >> {calls}\n{does}\n'
        (tools / "go").write_text(text, encoding="utf-8")
        (tools / "go").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
        return calls

    return put


@pytest.fixture
def program(tmp_path: Path) -> GoProgram:
    source = tmp_path / "source"
    source.mkdir()
    return GoProgram("a program", source, ".", "thing", tmp_path / "kept" / "0123")


def test_it_is_built_once(put_go: Callable[[str], Path], program: GoProgram) -> None:
    calls = put_go(WRITES)
    for _ in range(2):
        assert provide_go_program(program, lambda _: None).read_text("utf-8") == "built\n"
    assert len(calls.read_text("utf-8").splitlines()) == 1


def test_what_cannot_be_built_is_named_and_leaves_nothing(put_go: Callable[[str], Path], program: GoProgram) -> None:
    put_go("echo main.go:3: no such thing >&2; exit 1")
    with pytest.raises(CloudError, match=r"a program cannot be built .*(?s:.)*main\.go:3: no such thing"):
        provide_go_program(program, lambda _: None)
    assert [path.name for path in program.kept.parent.iterdir()] == ["0123.lock"]


def test_another_content_is_kept_elsewhere(tmp_path: Path) -> None:
    source = tmp_path / "go.sum"
    source.write_text("one", encoding="utf-8")
    before = choose_kept_folder("thing", source)
    source.write_text("two", encoding="utf-8")
    assert choose_kept_folder("thing", source) != before


def test_the_collector_is_of_the_releases_that_its_module_file_pins() -> None:
    collector = describe_collector()
    text = (collector.source / "go.mod").read_text("utf-8")
    release = collector.title.rpartition(" ")[2]
    assert f"go.opentelemetry.io/collector/otelcol v{release}\n" in text
    assert f'Version: "{release}"' in (collector.source / "main.go").read_text("utf-8")
    assert "replace" not in text
