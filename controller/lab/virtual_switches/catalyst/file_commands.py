"""The commands of EXEC that save, copy, delete and show files.

The words of a flash without room are in none of the documents read.
"""

from __future__ import annotations

from controller.lab.virtual_switches.catalyst.configuration.editor import enter_text
from controller.lab.virtual_switches.catalyst.exec_commands import BUILT, NO_ROOM, name_file, on_exec
from controller.lab.virtual_switches.catalyst.grammar import Match, reject_unmodelled
from controller.lab.virtual_switches.catalyst.session import Session, is_confirmed
from controller.lab.virtual_switches.command_line import Answer, Question

_CONFIGURATIONS = ("running-config", "startup-config")


@on_exec("archive config")
def _archive(session: Session, match: Match) -> Answer:
    del match
    if not session.device.configuration.archive.path:
        return Answer(("Archive feature not enabled",))
    written = session.device.archive_configuration()
    return Answer(() if written else ("%Error writing the archive (No space left on device)",))


@on_exec("write [(memory|terminal)]")
def _write(session: Session, match: Match) -> Answer:
    if match.words[-1] == "terminal":
        return Answer(tuple(session.device.show_running().splitlines()))
    return Answer(BUILT if session.device.save(session.user) else NO_ROOM)


@on_exec(
    "copy (running-config|startup-config) WORD",
    "copy WORD (running-config|startup-config)",
    "copy running-config startup-config",
    "copy startup-config running-config",
    "copy FROM:WORD WORD",
)
def _copy(session: Session, match: Match) -> Answer:
    """Ask for the name, then copy; a copy into the running configuration merges, and goes on after what is refused."""
    words = [word for word in match.line.split()[1:] if not word.startswith("/")]
    source, target = (_name_end(word) for word in words)
    if source == target:
        reject_unmodelled(match.line.strip())
    offered = target.removeprefix("flash:") or source.removeprefix("flash:")
    if any(line.startswith("file prompt quiet") for line in session.device.configuration.kept):
        return _copy_named(session, source, target)

    def take(name: str) -> Answer:
        wanted = name.strip() or offered
        return _copy_named(session, source, wanted if target in _CONFIGURATIONS else name_file(wanted))

    return session.ask(Question(f"Destination filename [{offered}]? "), take)


def _name_end(word: str) -> str:
    """Return one end of a copy: a configuration, or a file."""
    low = word.lower()
    found = [one for one in _CONFIGURATIONS if low in {one, f"system:{one}", f"nvram:{one}", f"nvram:/{one}"}]
    found = found or [one for one in _CONFIGURATIONS if len(low) > 1 and one.startswith(low)]
    return found[0] if len(found) == 1 else name_file(word)


def _copy_named(session: Session, source: str, target: str) -> Answer:
    device = session.device
    if source == "running-config" and target == "startup-config":
        return Answer(BUILT if device.save(session.user) else NO_ROOM)
    known = {"running-config": device.show_running(), "startup-config": device.storage.startup}
    text = known.get(source, device.storage.files.get(source))
    if text is None:
        return Answer((f"%Error opening {source} (No such file or directory)",))
    size = len(text.encode())
    copied = f"{size} bytes copied in 0.021 secs ({size * 47} bytes/sec)"
    if target == "running-config":
        refused = enter_text(device.open_editor(session.user), text)
        device.touch(session.user)
        return Answer((*refused, copied))
    if target == "startup-config":
        if not device.storage.full:
            device.storage.startup = text
        return Answer((copied,) if not device.storage.full else NO_ROOM)
    return _copy_to_file(session, text, target, copied)


def _copy_to_file(session: Session, text: str, target: str, copied: str) -> Answer:
    """Write a file, and ask before where there is one of this name."""
    device = session.device

    def write(key: str) -> Answer:
        if not is_confirmed(key):
            return Answer(("%Error opening the file (Permission denied)",))
        device.storage.files.pop(target, None)
        stored = device.store_file(target, text)
        return Answer((copied if stored else f"%Error copying {target} (No space left on device)",))

    if target not in device.storage.files:
        return write("")
    warning = "%Warning:There is a file already existing with this name"
    return session.ask(Question("Do you want to over write? [confirm]", one_key=True), write, (warning,))


@on_exec("delete WORD", "delete (/force|/f) WORD")
def _delete(session: Session, match: Match) -> Answer:
    name = name_file(match.get_text("WORD"))
    files = session.device.storage.files

    def remove(key: str) -> Answer:
        if not is_confirmed(key):
            return Answer(("Delete of " + name + " aborted!",))
        if files.pop(name, None) is None:
            return Answer((f"%Error deleting {name} (No such file or directory)",))
        return Answer()

    def take(typed: str) -> Answer:
        nonlocal name
        name = name_file(typed.strip()) if typed.strip() else name
        return session.ask(Question(f"Delete {name.replace(':', ':/', 1)}? [confirm]", one_key=True), remove)

    if "/force" in match.words or "/f" in match.words:
        return remove("")
    return session.ask(Question(f"Delete filename [{name.removeprefix('flash:')}]? "), take)


@on_exec("more WORD")
def _show_file(session: Session, match: Match) -> Answer:
    text = session.device.storage.files.get(name_file(match.get_text("WORD")))
    return Answer(
        tuple(text.splitlines()) if text is not None else ("%Error opening file (No such file or directory)",)
    )
