"""The commands of EXEC that do something: enter a mode, save, copy, revert, reload.

`configure terminal revert timer`, `configure confirm`, `configure revert`, `configure replace`: napalm, ios/ios.py and
its issues 121 and 135. `reload in`: note of the University of Cologne. The words of a full flash, and of a second
revert timer, are in none of the documents read.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from controller.lab.virtual_switches.catalyst.grammar import NOT_MODELLED, Match, reject_unmodelled
from controller.lab.virtual_switches.catalyst.safe_change import PendingRevert, Reload, replace_configuration
from controller.lab.virtual_switches.catalyst.session import (
    EXEC,
    USER_EXEC,
    ExecHandler,
    Session,
    is_confirmed,
)
from controller.lab.virtual_switches.command_line import Answer, Question

_MINUTE = 60.0
_NO_ARCHIVE = "%Turn config archive on before using Rollback Confirmed Change"
_NOT_PENDING = "%No Rollback Confirmed Change pending"
BUILT = ("Building configuration...", "[OK]")
NO_ROOM = ("Building configuration...", "%Error opening nvram:/startup-config (No space left on device)")
_FLASH = re.compile(r"(?:flash|bootflash):/?", re.IGNORECASE)
_REPLACE_QUESTION = (
    "This will apply all necessary additions and deletions",
    "to replace the current running configuration with the",
    "contents of the specified configuration file, which is",
    "assumed to be a complete configuration, not a partial",
)
_LONGEST_RELOAD = 34560
_REFUSED = (
    *("ping", "traceroute", "telnet", "ssh", "debug", "undebug", "clear", "test", "monitor", "request", "install"),
    *("erase", "format", "squeeze", "archive REST", "clock set", "send", "tclsh", "setup", "verify", "rename", "mkdir"),
    *("configure (memory|network|overwrite-network|replace)", "write (erase|network|core)", "copy", "terminal REST"),
    *("more", "event", "guestshell", "license", "access-enable", "connect", "resume", "software", "platform", "set"),
)


def on_exec(*patterns: str, everybody: bool = False) -> Callable[[ExecHandler], ExecHandler]:
    """Take commands of EXEC; `everybody`: also without privileges."""

    def keep(handler: ExecHandler) -> ExecHandler:
        for pattern in patterns:
            EXEC.add(pattern, handler)
            if everybody:
                USER_EXEC.add(pattern, handler)
        return handler

    return keep


for _pattern in _REFUSED:
    EXEC.refuse(_pattern)


def name_file(text: str) -> str:
    """Return a file's name in the form that `path` gives it: with its file system."""
    return _FLASH.sub("flash:", text, count=1) if _FLASH.match(text) else f"flash:{text}"


@on_exec("enable [PRIVILEGE]", everybody=True)
def _enable(session: Session, match: Match) -> Answer:
    del match
    return Answer() if session.privileged else session.ask_enable()


@on_exec("disable", everybody=True)
def _disable(session: Session, match: Match) -> Answer:
    del match
    session.privileged = False
    return Answer()


@on_exec("exit", "logout", "quit", everybody=True)
def _leave(session: Session, match: Match) -> Answer:
    del match
    session.hang_up()
    return Answer(closed=True)


@on_exec("terminal length LENGTH", everybody=True)
def _set_length(session: Session, match: Match) -> Answer:
    session.length = match.get_number("LENGTH")
    return Answer()


@on_exec("terminal width LENGTH", everybody=True)
def _set_width(session: Session, match: Match) -> Answer:
    del session, match
    return Answer()


@on_exec("terminal monitor", "terminal no monitor", everybody=True)
def _set_monitor(session: Session, match: Match) -> Answer:
    session.monitors = "no" not in match.words
    return Answer()


@on_exec("configure terminal", "configure")
def _configure(session: Session, match: Match) -> Answer:
    if len(match.words) > 1:
        return session.begin_configuration()

    def choose(source: str) -> Answer:
        if source.strip().lower() not in {"", "t", "terminal"}:
            return Answer((f"{NOT_MODELLED}configure {source.strip()}",))
        return session.begin_configuration()

    return session.ask(Question("Configuring from terminal, memory, or network [terminal]? "), choose)


@on_exec("configure terminal lock")
def _configure_locked(session: Session, match: Match) -> Answer:
    """Lock the mode: where `configuration mode exclusive manual` stands (Cisco, m_cm-config-lock)."""
    if session.device.configuration.exclusive != "manual":
        reject_unmodelled(f"{match.line.strip()} without configuration mode exclusive manual")
    return session.begin_configuration(exclusive=True)


@on_exec("configure terminal revert timer MINUTES", "configure terminal lock revert timer MINUTES")
def _configure_with_revert(session: Session, match: Match) -> Answer:
    device = session.device
    minutes = match.get_number("MINUTES")
    locked = "lock" in match.words
    if not device.model.has_revert or (locked and device.configuration.exclusive != "manual"):
        reject_unmodelled(f"{match.line.strip()} on this image, or without exclusive mode")
    if not device.configuration.archive.path:
        return Answer((_NO_ARCHIVE,))
    if device.pending_revert is not None:
        return Answer(("%Rollback Confirmed Change is already pending", f"{NOT_MODELLED}a second revert timer"))
    if device.lock_holder not in {None, session}:
        return session.begin_configuration()
    file = device.archive_configuration()
    if file is None:
        return Answer(("%Error backing up the running configuration (No space left on device)",))
    now = device.clock()
    device.pending_revert = PendingRevert(file, now + minutes * _MINUTE, minutes, session.user, now)
    device.log(f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_BACKUP: Backing up current running config to {file}")
    started = f"Rollback Confirmed Change: Backing up current running config to {file}"
    answer = session.begin_configuration(exclusive=locked)
    return Answer((started, "", *answer.lines))


@on_exec("configure confirm")
def _confirm(session: Session, match: Match) -> Answer:
    del match
    if session.device.pending_revert is None:
        return Answer((_NOT_PENDING,))
    session.device.pending_revert = None
    session.device.log(
        f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_CONFIRM: User: {session.user}: Confirm the configuration change"
    )
    return Answer()


@on_exec("configure revert now")
def _revert_now(session: Session, match: Match) -> Answer:
    del match
    if session.device.pending_revert is None:
        return Answer((_NOT_PENDING,))
    return Answer(tuple(session.device.revert()))


@on_exec("configure revert timer MINUTES")
def _set_revert_timer(session: Session, match: Match) -> Answer:
    device = session.device
    pending = device.pending_revert
    if pending is None:
        return Answer((_NOT_PENDING,))
    now, minutes = device.clock(), match.get_number("MINUTES")
    device.pending_revert = PendingRevert(pending.file, now + minutes * _MINUTE, minutes, session.user, now)
    return Answer()


@on_exec(
    "configure replace WORD",
    "configure replace WORD force",
    "configure replace WORD time MINUTES",
    "configure replace WORD force time MINUTES",
)
def _replace(session: Session, match: Match) -> Answer:
    device = session.device
    name = name_file(match.get_text("WORD"))
    text = device.storage.startup if "startup-config" in name else device.storage.files.get(name)
    if text is None:
        return Answer((f"%Error opening {name} (No such file or directory)",))
    minutes = match.values.get("MINUTES")

    def carry_out(answer: str) -> Answer:
        if not answer.strip().lower().startswith("y"):
            return Answer()
        if isinstance(minutes, int):
            if not device.configuration.archive.path:
                return Answer((_NO_ARCHIVE,))
            file = None if device.pending_revert is not None else device.archive_configuration()
            if file is None:
                return Answer((f"{NOT_MODELLED}a second revert timer, or one without room for its file",))
            now = device.clock()
            device.pending_revert = PendingRevert(file, now + minutes * _MINUTE, minutes, session.user, now)
        return Answer(tuple(replace_configuration(device, text)))

    if "force" in match.words:
        return carry_out("y")
    question = "configuration. Enter Y if you are sure you want to proceed. ? [no]: "
    return session.ask(Question(question), carry_out, _REPLACE_QUESTION)


@on_exec("reload", "reload in DELAY [REST]")
def _reload(session: Session, match: Match) -> Answer:
    """Ask whether to save where the configuration was changed, then whether to go on."""
    device = session.device
    minutes = match.values.get("DELAY")
    if isinstance(minutes, int) and not 1 <= minutes <= _LONGEST_RELOAD:
        reject_unmodelled(match.line.strip())

    def proceed(lines: tuple[str, ...]) -> Answer:
        if isinstance(minutes, int):
            at = device.tell_time(device.clock() + minutes * _MINUTE)
            left = describe_minutes(minutes * _MINUTE)
            by = f"{session.user} on vty{session.number}"
            reason = match.values.get("REST", "Reload Command")
            lines = (*lines, f"Reload scheduled for {at} (in {left}) by {by}", f"Reload reason: {reason}")
        return session.ask(Question("Proceed with reload? [confirm]", one_key=True), confirm, lines)

    def save(answer: str) -> Answer:
        if answer.strip().lower() not in {"y", "yes", "n", "no"}:
            return session.ask(question, save, ("% Please answer 'yes' or 'no'.",))
        if answer.strip().lower().startswith("y"):
            return proceed(BUILT if device.save(session.user) else NO_ROOM)
        return proceed(())

    def confirm(key: str) -> Answer:
        if not is_confirmed(key):
            return Answer()
        if isinstance(minutes, int):
            device.reload = Reload(device.clock() + minutes * _MINUTE, session.user, str(match.values.get("REST", "")))
            return Answer()
        device.reboot()
        return Answer(closed=True)

    question = Question("System configuration has been modified. Save? [yes/no]: ")
    return proceed(()) if device.is_saved() else session.ask(question, save)


@on_exec("reload cancel")
def _cancel_reload(session: Session, match: Match) -> Answer:
    del match
    device = session.device
    if device.reload is None:
        return Answer(("%No reload is scheduled.",))
    device.reload = None
    lines = ("", "", "***", "*** --- SHUTDOWN ABORTED ---", "***", "")
    for other in list(device.sessions):
        if other is not session:
            for line in lines:
                other.show_line(line)
    return Answer(lines)


def describe_minutes(seconds: float) -> str:
    """Return a duration as `show reload` says it."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{count} {name}{'s' if count != 1 else ''}" for count, name in ((hours, "hour"), (minutes, "minute")) if count
    ]
    if rest:
        parts.append(f"{rest} second{'s' if rest != 1 else ''}")
    return " and ".join(parts) or "0 seconds"
