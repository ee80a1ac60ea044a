"""`rotate_credentials` on virtual switches: set, proved, taken away; and the ways that it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.storage.audit.audit_trail import AuditTrail
from tests.playbooks.minato_switch import DEVICE, USER, WORD, Scene, stand_switch
from tests.playbooks.test_apply_policy import NEW

NEXT, NEW_WORD = "net02", "playbook-8"
WORDS = {"catalyst": "secret 0", "x530": "password"}


@contextmanager
def stand_with_users(folder: Path, model: str) -> Iterator[Scene]:
    """A switch that knows its users by its own configuration."""
    user = f"username {USER} privilege 15 {WORDS[model]} {WORD}\n"
    text = NEW if model == "catalyst" else f"hostname {DEVICE}\n"
    end = "end\n" if model == "x530" else ""
    with stand_switch(folder, text + user + end, model=model, by_device=True) as scene:
        scene.pin()
        (folder / "operators/new_word").touch(mode=0o600)
        (folder / "operators/new_word").write_text(NEW_WORD, encoding="ascii")
        scene.name_logins(USER, "word", f"next: {{user: {NEXT}, password: {{file: {folder}/operators/new_word}}}}")
        yield scene


def turn(scene: Scene) -> None:
    """Let the operators make the new login that of the access, and the old one its previous one."""
    previous = f"previous: {{user: {USER}, password: {{file: {scene.folder}/operators/word}}}}"
    scene.name_logins(NEXT, "new_word", previous)


def list_users(scene: Scene) -> tuple[list[str], list[str]]:
    """The users of the switch: now, and after its next boot."""
    texts = (scene.site.device.show_running(), scene.site.device.show_startup() or "")
    running, saved = ([line.split()[1] for line in text.split("\n") if line.startswith("username ")] for text in texts)
    return running, saved


def see_no_secret(scene: Scene, *said: str) -> None:
    """See that neither password stands in what was said or kept."""
    kept = [path.read_text("utf-8", "replace") for path in (scene.folder / "state").rglob("*") if path.is_file()]
    assert kept
    assert not [text for text in (*kept, *said) if WORD in text or NEW_WORD in text]


def test_a_catalyst_has_a_new_login_and_then_no_old_one(tmp_path: Path) -> None:
    with stand_with_users(tmp_path, "catalyst") as scene:
        looked = scene.run("rotate_credentials", "--check")
        assert (looked.code, f"differs     {DEVICE}: add the login {NEXT}" in looked.said) == (2, True), looked.said
        assert list_users(scene) == ([USER], [USER])
        done = scene.run("rotate_credentials")
        assert done.code == 0, done.said
        assert list_users(scene) == ([USER, NEXT], [USER, NEXT])
        turn(scene)
        plain = scene.run_ansible("rotate_credentials")
        assert plain.code == 0, plain.said
        assert list_users(scene) == ([NEXT], [NEXT])
        see_no_secret(scene, looked.said, done.said, plain.said)
        entries = [one for one in AuditTrail(scene.folder / "state").read_entries() if one["kind"] == "rotated"]
        told = [(one["stage"], one["user"], one["end"]) for one in entries]
        assert told == [
            ("add", NEXT, "begun"),
            ("add", NEXT, "applied"),
            ("remove", USER, "begun"),
            ("remove", USER, "applied"),
        ]


def test_an_x530_whose_new_login_is_not_let_in_has_its_old_one(tmp_path: Path) -> None:
    with stand_with_users(tmp_path, "x530") as scene:
        before = scene.site.device.show_running()
        scene.refused.add(NEXT)
        accept = ("--set", "accept_no_restore=yes")
        done = scene.run("rotate_credentials", *accept)
        assert done.code == 1, done.said
        assert f"failed      {DEVICE}: reverted: " in done.said
        assert f"login {USER}: works, login {NEXT}: refused" in done.said
        assert scene.site.device.show_running() == before
        scene.refused.clear()
        again = scene.run("rotate_credentials", *accept)
        assert again.code == 0, again.said
        assert list_users(scene) == ([USER, NEXT], [USER, NEXT])
        see_no_secret(scene, done.said, again.said)
        scene.change_word("another-9")
        wrong = scene.run("rotate_credentials", *accept)
        assert (wrong.code, f"the login as '{USER}' was refused" in wrong.said) == (1, True), wrong.said
        scene.stop()
        dead = scene.run("rotate_credentials", *accept)
        assert (dead.code, f"unreachable {DEVICE}: " in dead.said) == (1, True), dead.said
