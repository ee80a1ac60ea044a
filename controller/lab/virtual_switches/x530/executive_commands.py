"""What is typed outside configuration mode: `show`, files, booting (S4, S5, S6, S8, S11, S12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.command_line import Answer, Question
from controller.lab.virtual_switches.x530 import shown_tables
from controller.lab.virtual_switches.x530.grammar import Action, Refused, Syntax, build_syntax
from controller.lab.virtual_switches.x530.modes import Mode

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.command_line import X530CommandLine

WRITTEN = ("Building configuration...", "[OK]")


def enable(line: X530CommandLine) -> Answer:
    """Enter privileged mode; nothing is asked where no enable password is set (oxidized issues 929 and 2339)."""
    secret = line.model.enable_password
    if line.mode is not Mode.USER:
        return Answer()
    if not secret:
        line.go(Mode.PRIVILEGED)
        return Answer()

    def answered(given: str) -> Answer:
        if given != secret:
            return Answer(("% Bad passwords",))
        line.go(Mode.PRIVILEGED)
        return Answer()

    return line.ask(Question("Password: ", hidden=True), answered)  # S3


def disable(line: X530CommandLine) -> None:
    """Leave privileged mode."""
    line.go(Mode.USER)


def leave(line: X530CommandLine) -> Answer:
    """End the session."""
    line.hang_up()
    return Answer(closed=True)


def configure(line: X530CommandLine) -> list[str]:
    """Enter configuration mode (S5)."""
    line.go(Mode.GLOBAL)
    return ["Enter configuration commands, one per line.  End with CNTL/Z."]


def set_length(line: X530CommandLine, lines: int) -> None:
    """Set the lines of a page (S4)."""
    line.set_page(lines)


def reset_length(line: X530CommandLine) -> None:
    """Set the lines of a page back (S4b)."""
    line.set_page(22)


def show_running(line: X530CommandLine) -> list[str]:
    """Show the running configuration."""
    return line.device.show_running().splitlines()


def show_startup(line: X530CommandLine) -> list[str]:
    """Show the configuration that it boots with."""
    text = line.device.show_startup()
    if text is None:
        message = "% No startup-config"
        raise Refused(message)
    return text.splitlines()


def show_file(line: X530CommandLine, name: str) -> list[str]:
    """Show a file."""
    return line.device.read_file(name).splitlines()


def save(line: X530CommandLine) -> tuple[str, ...]:
    """Save the running configuration as that which it boots with; nothing is asked (S3c)."""
    line.device.save()
    return WRITTEN


def copy_to_file(line: X530CommandLine, name: str) -> Answer:
    """Store the running configuration as a file."""
    return _store(line, name, line.device.show_running(), WRITTEN)


def copy_startup_to_file(line: X530CommandLine, name: str) -> Answer:
    """Store the configuration that it boots with as a file."""
    return _store(line, name, "\n".join([*show_startup(line), ""]), ("Copying...", "Successful operation"))


def copy_file(line: X530CommandLine, source: str, target: str) -> Answer:
    """Store a file under another name."""
    return _store(line, target, line.device.read_file(source), ("Copying...", "Successful operation"))


def _store(line: X530CommandLine, name: str, text: str, said: tuple[str, ...]) -> Answer:
    """Write a file; whether one that is there is asked about was not found: `Model.asks_to_overwrite`."""

    def write() -> Answer:
        line.device.store_file(name, text)
        return Answer(said)

    if name in line.device.files and line.model.asks_to_overwrite:
        return _confirm(line, f"Overwrite flash:/{name}? (y/n)[n]:", write)
    return write()


def _confirm(line: X530CommandLine, text: str, go_on: Callable[[], Answer]) -> Answer:
    """Ask; only `y` goes on (S8, S12)."""

    def answered(given: str) -> Answer:
        if given.lower() not in {"y", "yes"}:
            return Answer()
        try:
            return go_on()
        except Refused as refused:
            return Answer((str(refused),))

    return line.ask(Question(text), answered)


def merge_file(line: X530CommandLine, name: str) -> list[str]:
    """Execute a file over the running configuration: nothing that it does not name is removed."""
    return list(line.device.merge(line.device.read_file(name)))


def merge_startup(line: X530CommandLine) -> list[str]:
    """Execute the startup configuration over the running one."""
    return list(line.device.merge("\n".join(show_startup(line))))


def copy_file_to_startup(line: X530CommandLine, name: str) -> list[str]:
    """Make a file's text what it boots with."""
    line.device.store_file(line.device.boot_name, line.device.read_file(name))
    return ["Copying...", "Successful operation"]


def delete(line: X530CommandLine, name: str) -> Answer:
    """Delete a file, after a question (S8)."""
    line.device.read_file(name)
    return _confirm(line, f"Delete flash:/{name}? (y/n)[n]:", lambda: line.device.delete_file(name))


def delete_by_force(line: X530CommandLine, name: str) -> None:
    """Delete a file without a question."""
    line.device.read_file(name)
    line.device.delete_file(name)


def activate(line: X530CommandLine, name: str) -> list[str]:
    """Run a script now (S5)."""
    return list(line.device.run_script(name))


def reboot(line: X530CommandLine) -> Answer:
    """Start anew, after a question (S5)."""

    def go_on() -> Answer:
        line.device.reboot()
        return Answer(closed=True)

    return _confirm(line, "reboot system? (y/n): ", go_on)


SHOWS: dict[str, Action] = {
    "show boot": lambda line: shown_tables.show_boot(line.device),
    "show clock": lambda line: shown_tables.show_clock(line.device),
    "show version": lambda line: shown_tables.show_version(line.device),
    "show system": lambda line: shown_tables.show_system(line.device),
    "show file systems": lambda line: shown_tables.show_file_systems(line.device),
    "dir": lambda line: shown_tables.show_files(line.device),
    "dir flash:": lambda line: shown_tables.show_files(line.device),
    "show vlan all": lambda line: shown_tables.show_vlans(line.running),
    "show vlan brief": lambda line: shown_tables.show_vlans(line.running),
    "show vlan": lambda line: shown_tables.show_vlans(line.running),
    "show interface switchport": lambda line: shown_tables.show_switchports(line.running),
    "show access-list": lambda line: shown_tables.show_lists(line.running),
    "show ipv6 access-list": lambda line: shown_tables.show_lists_6(line.running),
    "show static-channel-group": lambda line: shown_tables.show_groups(line.running, "sa"),
    "show etherchannel": lambda line: shown_tables.show_groups(line.running, "po"),
    "show mac address-table": lambda line: shown_tables.show_addresses(line.device),
    "show trigger": lambda line: shown_tables.show_triggers(line.running),
    "show trigger <trigger>": lambda line, number: shown_tables.show_trigger(line.running, number),
    "show vlan access-map": lambda line: shown_tables.show_maps(line.running),
    "show vlan filter": lambda line: shown_tables.show_filters(line.running),
}
_USER: dict[str, Action] = {
    "enable": enable,
    "exit": leave,
    "logout": leave,
    "quit": leave,
    "terminal length <length>": set_length,
    "terminal no length": reset_length,
    **SHOWS,
}
_PRIVILEGED: dict[str, Action] = {
    **_USER,
    "disable": disable,
    "configure terminal": configure,
    "show running-config": show_running,
    "show startup-config": show_startup,
    "show file <file>": show_file,
    "write": save,
    "write file": save,
    "write memory": save,
    "copy running-config startup-config": save,
    "copy running-config <file>": copy_to_file,
    "copy startup-config running-config": merge_startup,
    "copy startup-config <file>": copy_startup_to_file,
    "copy <file> running-config": merge_file,
    "copy <file> startup-config": copy_file_to_startup,
    "copy <file> <file>": copy_file,
    "delete <file>": delete,
    "delete force <file>": delete_by_force,
    "activate <file>": activate,
    "reboot": reboot,
    "reload": reboot,
}
COMMANDS = {
    mode: tuple(build_syntax(pattern, action) for pattern, action in table.items())
    for mode, table in ((Mode.USER, _USER), (Mode.PRIVILEGED, _PRIVILEGED))
}
UNMODELLED = (
    "cd", "clear", "clock", "copy", "crypto", "debug", "delete", "edit", "erase", "license", "mkdir", "move", "mtrace",
    "no", "ping", "pwd", "rmdir", "show", "speed", "ssh", "start", "telnet", "terminal", "test",
    "traceroute", "trigger",
    "undebug", "wait", "write", "atmf", "mail", "reboot", "reload", "hostname", "echo", "banner",
)  # fmt: skip
"""Beginnings of commands that the device has here and that nothing here models."""


def list_commands(mode: Mode) -> tuple[Syntax, ...]:
    """Return the commands of a mode that is not of the configuration."""
    return COMMANDS[mode]
