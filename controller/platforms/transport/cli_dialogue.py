r"""What a command line says, understood: its prompt, the echo of what was typed, log lines, questions, refusals.

Nothing here sends or receives. A prompt is believed only as a whole line at the very end; a line that a device writes
by itself (a log line, the announcement of a reload) is told from the answer by its form.

Sources: Cisco IOS Configuration Fundamentals Configuration Guide ("Using the Cisco IOS Command-Line Interface", "System
Message Guide": `%FACILITY-SEVERITY-MNEMONIC`); the clients of cisco.ios (terminal/ios.py) and ansible_awplus
(terminal/awplus.py) for the words of refusals; netmiko issues 2755 and 1786 (config mode cuts a hostname to 20
characters, EXEC does not).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_PROMPT = 200
_PREFIX = 16
"""Of a hostname, what every mode's prompt shows for certain; netmiko holds on to as much."""
_MODE = r"[^\n]{0,64}?\(config[^\n]{0,64}#"
_UNSAVED = "!"
"""Stands before the prompt of an AlaxalA switch whose changes are not saved."""
_CONTEXT = r"(?:pp|tunnel)(?:[0-9]{1,5}|anonymous)[>#]"
"""Stands behind the prompt of a Yamaha RTX while an interface of this kind is selected."""
_LOG_LINE = re.compile(
    r"""(?:[*.]?[^%\n]{0,60}:\ )?%[A-Z0-9_]{2,40}(?:-[A-Z0-9_]{1,40}){0,2}-[0-7]-[A-Z0-9_]{2,60}:.*   # Cisco
    |[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\ \S{1,64}\ [a-z0-9]{1,16}\.[a-z]{1,10}\ .* # AlliedWare Plus
    |[0-9][0-9]/[0-9][0-9]\ [0-9][0-9]:[0-9][0-9]:[0-9][0-9]\ [ER][0-9]\ [A-Z]{2,10}\ .* # AlaxalA
    |\*\*\*.*""",  # the announcement of a reload
    re.VERBOSE,
)
_REFUSAL = re.compile(
    r"""%.*
    |(?:Command\ (?:rejected|authorization\ failed)|Bad\ mask|Error:|ERROR:|Can't\ find\ interface
    |エラー[:\uff1a]|Configuration\ mode\ (?:is\ )?locked|Duplicate\ sequence\ number|illegal\ ).*
    |.*\ is\ not\ corresponding\.""",
    re.VERBOSE,
)
_QUESTION = re.compile(
    r"""(?:\[confirm\]|\[yes/no\][:?]?|\[no\]:?|\[yes\]:?|\(yes/no\)[:?]?|\([yY]/[nN]\)[:?]?|\[[yY]/[nN]\][:?]?
    |\[[^\[\]\n]{0,80}\]\?|(?:[Pp]assword|[Ss]ecret)\s?:|--[Mm]ore--)\s{0,4}\Z""",
    re.VERBOSE,
)
_TAIL = 300
_SQUEEZED = re.compile(r"[\s\b]")
_ECHO_WITHIN = 16 * 1024
"""Characters among which the echo of a line stands: what came before it, and is none of its answer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    r"""How a device asks for the next command; `host` is what stands before its last character in EXEC mode.

    >>> prompt = Prompt("a-core-switch-with-a-long-name", "#")
    >>> prompt.ends("...\na-core-switch-with-a-long-name#"), prompt.ends("a-core-switch-with-a(config-if)#")
    (True, True)
    >>> prompt.ends("remark of a-core-switch-with-a-long-name#"), prompt.ends("another#")
    (False, False)
    """

    host: str
    end: str

    def ends(self, text: str) -> bool:
        """Tell if a text ends with this prompt, of whatever mode, as a line of its own."""
        last = find_last_line(text)
        if last in {f"{self.host}#", f"{self.host}>"}:
            return True
        last = last.removeprefix(_UNSAVED)
        if last in {f"{self.host}#", f"{self.host}>"}:
            return True
        if last.startswith(self.host) and re.fullmatch(_CONTEXT, last[len(self.host) :]):
            return True
        start = self.host[:_PREFIX]
        return last.startswith(start) and bool(re.fullmatch(_MODE, last[len(start) :]))


def read_prompt(text: str) -> Prompt | None:
    r"""Return the prompt that a text ends with; None where it ends with none.

    >>> read_prompt("Last login: today\n\ncore1> ")
    Prompt(host='core1', end='>')
    >>> read_prompt("Username: ")
    """
    last = find_last_line(text)
    if not 0 < len(last) <= LONGEST_PROMPT or last[-1] not in "#>":
        return None
    return Prompt(last[:-1].removeprefix(_UNSAVED), last[-1])


def find_last_line(text: str) -> str:
    r"""Return the last line that is neither blank nor written by the device itself.

    >>> find_last_line("core1#\n%SYS-5-CONFIG_I: Configured from console\n")
    'core1#'
    """
    for line in reversed(text[-4096:].split("\n")):
        if line.strip() and not is_log_line(line):
            return line.strip()
    return ""


def is_log_line(line: str) -> bool:
    """Tell if a device writes such a line by itself.

    >>> is_log_line("*Mar  1 00:01:02.003: %SYS-5-CONFIG_I: Configured from console by vty0")
    True
    >>> is_log_line("% Invalid input detected at '^' marker.")
    False
    """
    return _LOG_LINE.fullmatch(line.strip()[:500]) is not None


def find_question(text: str) -> str:
    """Return the question that a text ends with, "" where it ends with none.

    >>> find_question("Save? [yes/no]: ")
    'Save? [yes/no]:'
    >>> find_question("interface Vlan10")
    ''
    """
    tail = text[-_TAIL:]
    return tail.rpartition("\n")[2].strip() if _QUESTION.search(tail) else ""


def find_echo_end(text: str, typed: str, prompt: Prompt) -> int:
    r"""Return where the answer begins, behind the echo of what was typed and its line end; -1 where there is none yet.

    What stands before the echo is none of this line: prompts of earlier ones, and what the device writes by itself. The
    echo begins a line, or follows a prompt: a line of the device that merely ends with the same words is none. A
    terminal that wraps or redraws a long line puts blanks and line ends into it. Takes time in proportion to the text.

    >>> core1 = Prompt("core1", "#")
    >>> text = "core1#show clock\n10:00:00\ncore1#"
    >>> text[find_echo_end(text, "show clock", core1) :]
    '10:00:00\ncore1#'
    >>> find_echo_end("shw clock\ncore1#", "show clock", core1), find_echo_end("core1#show clock", "show clock", core1)
    (-1, -1)
    """
    within = text[: _ECHO_WITHIN + 2 * len(typed)]
    places = [number for number, character in enumerate(within) if not (character.isspace() or character == "\b")]
    squeezed = "".join(within[number] for number in places)
    wanted = "".join(typed.split())
    start = squeezed.find(wanted) if wanted else -1
    while start >= 0:
        behind = start + len(wanted)
        end = places[behind - 1] + 1
        line_end = within.find("\n", end, places[behind] if behind < len(places) else len(within))
        if line_end >= 0 and _begins_echo(within, places[start], prompt) and not is_log_line(_find_line(within, end)):
            return line_end + 1
        start = squeezed.find(wanted, start + 1)
    return -1


def _find_line(text: str, end: int) -> str:
    return text[text.rfind("\n", 0, end) + 1 : end]


def _begins_echo(text: str, start: int, prompt: Prompt) -> bool:
    """Tell if nothing but prompts of this device stands before a place in its line."""
    before = _find_line(text, start).strip(" \t\b").removeprefix(_UNSAVED)
    return not before or (before[-1] in "#>" and before.startswith(prompt.host[:_PREFIX]))


def has_wrong_echo(text: str, prompt: Prompt) -> bool:
    r"""Tell if a text ends with the prompt, and holds another line than prompts and what the device writes by itself.

    >>> has_wrong_echo("vlan 1\ncore1#", Prompt("core1", "#")), has_wrong_echo("\ncore1#", Prompt("core1", "#"))
    (True, False)
    """
    if not prompt.ends(text):
        return False
    return any(line.strip() and not is_log_line(line) and not prompt.ends(line) for line in text.split("\n"))


def drop_prompt(text: str) -> str:
    """Return an answer without the prompt at its end, and without what the device wrote by itself."""
    lines = text.split("\n")
    while lines and (not lines[-1].strip() or is_log_line(lines[-1])):
        lines.pop()
    kept = [line for line in lines[:-1] if not is_log_line(line)]
    return "\n".join(kept) + "\n" if kept else ""


def find_refusal(lines: Iterable[str], accepts: Iterable[str]) -> str:
    """Return the first line by which a device refuses, "" where there is none.

    `accepts` are the beginnings of lines that look so and are none.

    >>> find_refusal(["  ^", "% Invalid input detected at '^' marker."], ())
    "% Invalid input detected at '^' marker."
    >>> find_refusal(["% This access-list is attached to an interface"], ("% This access-list is attached",))
    ''
    """
    known = tuple(accepts)
    for line in map(str.strip, lines):
        if _REFUSAL.fullmatch(line[:500]) and not (known and line.startswith(known)):
            return line
    return ""
