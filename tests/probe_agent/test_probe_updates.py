"""A probe renews itself by what the release key signed and by nothing else; else the old version runs on."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from controller.lab.state.processes import signal_process
from controller.probe_agent.configuration import Configuration
from controller.probe_agent.updating.fetch_update import NotUpdated, check_release, fetch_update
from controller.probe_agent.updating.slots import MOST_STARTS, Slots, UpdateWord, load_slots, save_slots
from controller.probe_agent.updating.supervisor import Supervisor
from controller.telemetry.probe_words import UPDATE_WORDS
from tests.monitoring.running import Running, until
from tests.probe_agent.scene import Installed, ReleaseKey, broken_release, configure, enrol, row, updates
from tests.started_processes import find_processes
from tools.make_probe import build_probe


class Scene(NamedTuple):
    """An installed probe, the release key, and where releases stand."""

    installed: Installed
    key: ReleaseKey
    source: Path

    def configure(self, port: int = 1, confirm: float = 20) -> Configuration:
        return configure(port, enrol(), updates=updates(self.source, self.key, confirm))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    key = ReleaseKey(tmp_path / "key")
    key.make()
    return Scene(Installed(tmp_path), key, tmp_path / "release.pyz")


def test_a_newer_version_is_tried_and_counts_once_it_has_reported(scene: Scene, running: Running) -> None:
    scene.installed.install(scene.configure(running.port))
    with scene.installed.running():
        until(lambda: row(running)["version"] == "1.0.0")
        scene.key.publish(scene.source, build_probe("1.0.1"))
        until(lambda: row(running)["version"] == "1.0.1" and row(running)["update"] == "installed")
        # What comes next is held against the version that runs, not against the installed one.
        scene.key.publish(scene.source, build_probe("1.0.0"))
        until(lambda: row(running)["update"] == "older")
    assert scene.installed.slots()["active"] == "a"
    assert "version 1.0.1 has reported" in scene.installed.said()
    with scene.installed.running():  # after the machine was off, too
        until(lambda: row(running)["version"] == "1.0.1" and row(running)["waiting"] != 0)


DEAD: dict[str, Callable[[str], str]] = {
    "it ends at once": lambda _: "raise SystemExit(1)\n",
    "it lives and does not report": lambda _: "import sys\nsys.stdin.buffer.read()\n",
}


@pytest.mark.parametrize("change", DEAD.values(), ids=DEAD)
def test_a_version_that_does_not_report_in_time_is_given_up_and_the_old_one_says_so(
    scene: Scene, running: Running, change: Callable[[str], str]
) -> None:
    scene.installed.install(scene.configure(running.port, confirm=1))
    scene.key.publish(scene.source, broken_release("2.0.0", change))
    with scene.installed.running():
        until(lambda: row(running)["update"] == "not-reported")
        assert row(running)["version"] == "1.0.0"
    said = scene.installed.said()
    assert "version 2.0.0 did not report to the monitor in time: 1.0.0 runs on" in said
    assert said.count("version 2.0.0 is here and is signed") == 1  # one that failed is not tried again and again
    assert scene.installed.slots()["active"] == "installed"


def other_key(scene: Scene) -> None:
    other = ReleaseKey(scene.source.with_name("other"))
    other.make()
    other.publish(scene.source, build_probe("1.0.1"))


def other_namespace(scene: Scene) -> None:
    content = build_probe("1.0.1")
    scene.source.write_bytes(content)
    scene.source.with_name("release.pyz.sig").write_bytes(scene.key.sign(content, "file"))


def half_a_file(scene: Scene) -> None:
    content = build_probe("1.0.1")
    scene.key.publish(scene.source, content)
    scene.source.write_bytes(content[: len(content) // 2])


def changed_byte(scene: Scene) -> None:
    content = bytearray(build_probe("1.0.1"))
    scene.key.publish(scene.source, bytes(content))
    content[100] ^= 1
    scene.source.write_bytes(content)


def signature_missing(scene: Scene) -> None:
    scene.key.publish(scene.source, build_probe("1.0.1"))
    scene.source.with_name("release.pyz.sig").unlink()


def signed_text(scene: Scene) -> None:
    scene.key.publish(scene.source, b"no probe at all\n")


def older_version(scene: Scene) -> None:
    scene.key.publish(scene.source, build_probe("0.9.9"))


def same_version(scene: Scene) -> None:
    scene.key.publish(scene.source, build_probe("1.0.0"))


def same_version_in_other_digits(scene: Scene) -> None:
    scene.key.publish(scene.source, build_probe("01.0.00"))


BAD = {
    other_key: UpdateWord.WRONG_KEY,
    other_namespace: UpdateWord.WRONG_KEY,
    changed_byte: UpdateWord.WRONG_KEY,
    half_a_file: UpdateWord.INCOMPLETE,
    signed_text: UpdateWord.INCOMPLETE,
    signature_missing: UpdateWord.UNREACHABLE,
    older_version: UpdateWord.OLDER,
    same_version: UpdateWord.NONE,
    same_version_in_other_digits: UpdateWord.NONE,
}


@pytest.mark.parametrize(("publish", "word"), BAD.items(), ids=lambda one: getattr(one, "__name__", str(one)))
def test_nothing_else_is_taken_and_the_reason_has_a_name(
    scene: Scene, publish: Callable[[Scene], None], word: UpdateWord
) -> None:
    publish(scene)
    with pytest.raises(NotUpdated) as refused:
        fetch_update(scene.configure(), "1.0.0", {})
    assert refused.value.word is word
    assert load_slots(scene.installed.state) == Slots()


def test_what_was_tried_in_vain_is_not_tried_again(scene: Scene) -> None:
    scene.key.publish(scene.source, build_probe("1.0.1"))
    release = fetch_update(scene.configure(), "1.0.0", {})
    refused = Slots().begin_trial("1.0.1", release.digest).refuse(UpdateWord.NOT_REPORTED).refused
    with pytest.raises(NotUpdated, match="tried in vain"):
        fetch_update(scene.configure(), "1.0.0", refused)


def test_a_signature_of_another_file_is_none(scene: Scene) -> None:
    signature = scene.key.sign(build_probe("1.0.1"))
    with pytest.raises(NotUpdated):
        check_release(build_probe("1.0.2"), signature, scene.configure().updates)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"active": "../x"}', '{"active": "a", "trial": "a"}', '{"refused": {"0": "?"}}'),
        *('{"refused": {"0": []}}', '{"refused": {"0": {}}}', '{"word": "\u3042"}', '{"word": []}', '{"active": []}'),
        *('{"version": "x"}', '{"active": "a"}', '{"active": "a", "version": "1.0"}', '{"trial": "a"}'),
        *('{"trial": "a", "trial_version": "?"}', '{"version": "9.9.9"}'),
    ],
)
def test_slots_that_cannot_be_read_mean_the_installed_version(tmp_path: Path, text: str) -> None:
    (tmp_path / "slots.json").write_text(text, encoding="utf-8")
    assert load_slots(tmp_path) == Slots()


def test_a_trial_that_the_machine_did_not_survive_ends_after_some_starts(scene: Scene, running: Running) -> None:
    scene.installed.install(scene.configure(running.port, confirm=60))
    scene.key.publish(scene.source, build_probe("1.0.0"))  # nothing newer is there
    scene.installed.state.mkdir(mode=0o700)
    slots = Slots().begin_trial("1.0.1", "0" * 64)
    save_slots(scene.installed.state, replace(slots, starts=MOST_STARTS))
    with scene.installed.running():
        until(lambda: row(running)["update"] == "not-reported" and row(running)["version"] == "1.0.0")
    assert load_slots(scene.installed.state).trial == ""


@contextmanager
def supervised(supervisor: Callable[[int], Supervisor]) -> Iterator[None]:
    """A supervisor in a thread of this process."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=supervisor(reading).supervise)
    thread.start()
    try:
        yield
    finally:
        os.close(writing)
        thread.join(30)
        os.close(reading)
    assert not thread.is_alive()


def test_what_another_start_reported_speaks_for_no_version_on_trial(scene: Scene) -> None:
    """A supervisor that starts with its machine gets the number that it had before."""
    scene.installed.install(scene.configure(confirm=0.5))
    state = scene.installed.state
    state.mkdir(mode=0o700)
    (state / "a.pyz").write_bytes(broken_release("2.0.0", DEAD["it lives and does not report"]))
    save_slots(state, Slots().begin_trial("2.0.0", "0" * 64))
    before = {"run": f"{os.getpid()}-1", "version": "1.0.0"}
    (state / "reported.json").write_text(json.dumps(before), "ascii")
    config, program = scene.installed.folder / "probe.json", scene.installed.program
    with supervised(
        lambda stop: Supervisor(scene.configure(confirm=0.5), config, state, program, stop, time.monotonic)
    ):
        until(lambda: load_slots(state).trial == "")
    assert load_slots(state).word == UpdateWord.NOT_REPORTED


def test_a_source_that_never_ends_does_not_keep_the_probe_from_beginning_anew(scene: Scene) -> None:
    os.mkfifo(scene.source)
    scene.installed.install(scene.configure())
    state, program = scene.installed.state, scene.installed.program
    state.mkdir(mode=0o700)
    config = scene.installed.folder / "probe.json"

    def build(stop: int) -> Supervisor:
        return Supervisor(scene.configure(), config, state, program, stop, time.monotonic, look_seconds=0.5)

    with supervised(build):
        until(lambda: find_processes(str(program), "fetch") != [])
        [measuring] = find_processes(str(program), "measure")
        assert signal_process(measuring, signal.SIGKILL)
        until(lambda: find_processes(str(program), "measure") not in ([], [measuring]))


def test_the_monitor_knows_every_word_of_an_update() -> None:
    assert set(UPDATE_WORDS) == set(UpdateWord)
