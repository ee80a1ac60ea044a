"""The terminal before a command line: it takes keys as they are typed and writes what a person would see.

Echo, line editing, pager, questions and prompts are here, once for all vendors. It does no input or output itself:
bytes go in by `feed`, and out by the `write` that it is given. All sessions of a device share its lock.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock

from controller.lab.virtual_switches.command_line import (
    CONTROL_C,
    CONTROL_Z,
    Answer,
    CommandLineDevice,
    Notifying,
    Question,
)
from controller.lab.virtual_switches.faults import Fault, Faults

_ENTER = ("\r", "\n")
_ERASE = ("\b", "\x7f")
_KILL_LINE = ("\x15", "\x18")  # Ctrl-U, Ctrl-X
_ERASE_WORD = "\x17"
_QUOTE = "\x16"  # Ctrl-V: the next key stands for itself
_REDRAW = ("\x0c", "\x12")
_ESCAPE = "\x1b"
_BELL = "\a"
_NO_HELP = "% Not modelled by the virtual switch: help by ?"
_LONGEST_LINE = 8192


@dataclass(slots=True)
class DeviceSite:
    """What all sessions of a device share: its lock, its faults, and who wants to know that a line was carried out.

    `schedule` carries out what a line asks for when the device has had its time; without it that is at once.
    """

    device: CommandLineDevice
    lock: RLock = field(default_factory=RLock)
    faults: Faults | None = None
    on_line: Callable[[], None] | None = None
    schedule: Callable[[Callable[[], None]], None] | None = None


class Terminal:
    """One session's terminal."""

    def __init__(self, site: DeviceSite, user: str, write: Callable[[bytes], None], close: Callable[[], None]) -> None:
        """Log a user in and show the prompt; `write` with no bytes marks a gap, `close` ends the session."""
        self._site = site
        self._write_bytes = write
        self._close = close
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._typed = ""
        self._keys: deque[str] = deque()
        self._rest: deque[str] = deque()
        self._then = Answer()
        self._question: Question | None = None
        self._busy = False
        self._quoted = False
        self._escape = ""
        self._after_return = False
        self._piece = 0
        self.closed = False
        with site.lock:
            self._command_line = site.device.open_command_line(user)
            if isinstance(self._command_line, Notifying):
                self._command_line.attach(self)
            self._write("\r\n" + self._command_line.prompt)

    def feed(self, data: bytes) -> None:
        """Take bytes as they are typed."""
        with self._site.lock:
            self._keys.extend(self._decoder.decode(data))
            self._take_keys()

    def hang_up(self) -> None:
        """Take note that the session is gone."""
        with self._site.lock:
            if not self.closed:
                self.closed = True
                self._command_line.hang_up()

    def show_line(self, line: str) -> None:
        """Write a log line; as without `logging synchronous`, the prompt is not written anew."""
        if not self.closed:
            self._write(f"\r\n{line}\r\n")

    def close(self) -> None:
        """End the session from the device's side."""
        if not self.closed:
            self.hang_up()
            self._close()

    def _write(self, text: str) -> None:
        if self.closed:
            return
        data = text.encode("utf-8")
        if not self._piece:
            self._write_bytes(data)
            return
        for start in range(0, len(data), self._piece):
            self._write_bytes(data[start : start + self._piece])
            self._write_bytes(b"")

    def _take_keys(self) -> None:
        while self._keys and not self._busy and not self.closed:
            self._take_key(self._keys.popleft())

    def _take_key(self, key: str) -> None:
        after_return, self._after_return = self._after_return, key == "\r"
        if after_return and key in "\n\0":
            return  # CR LF is one Enter, and so is telnet's CR NUL
        if self._rest:
            self._turn_page(key)
        elif self._question is not None and self._question.one_key:
            self._write(key if key.isprintable() else "")
            self._submit("" if key in _ENTER else key)
        elif self._escape:
            self._skip_escape(key)
        elif self._quoted:
            self._quoted = False
            self._insert(key)
        else:
            self._edit(key)

    def _edit(self, key: str) -> None:
        if key in _ENTER:
            self._submit(self._typed)
        elif key in _ERASE:
            self._erase(1 if self._typed else 0)
        elif key in _KILL_LINE:
            self._erase(len(self._typed))
        elif key == _ERASE_WORD:
            kept = self._typed.rstrip().rpartition(" ")
            self._erase(len(self._typed) - len(kept[0] + kept[1]))
        elif key in {CONTROL_C, CONTROL_Z, _QUOTE, _ESCAPE} or key in _REDRAW:
            self._take_control(key)
        elif self._question is None and key in {"?", "\t"}:
            # Help appears at the key, not at Enter; what was typed stays.
            helped = f"?\r\n{_NO_HELP}\r\n\r\n{self._shown_prompt()}{self._typed}"
            self._write(helped if key == "?" else _BELL)
        elif key == "\t" or key.isprintable():
            self._insert(key)

    def _take_control(self, key: str) -> None:
        if key == CONTROL_C:
            self._submit(CONTROL_C)
        elif key == CONTROL_Z:
            if self._question is None:
                self._write("^Z")
                self._submit(self._typed, ends=True)
        elif key == _QUOTE:
            self._quoted = True
        elif key == _ESCAPE:
            self._escape = key
        else:
            self._write("\r\n" + self._shown_prompt() + self._typed)

    def _erase(self, count: int) -> None:
        self._typed = self._typed[: len(self._typed) - count]
        self._echo("\b \b" * count)

    def _skip_escape(self, key: str) -> None:
        """Leave out what an arrow key sends: ESC, `[`, and all up to a letter."""
        self._escape += key
        if (len(self._escape) > 2 and not key.isdigit() and key != ";") or (len(self._escape) == 2 and key not in "[O"):  # noqa: PLR2004 ESC and its second byte
            self._escape = ""

    def _insert(self, key: str) -> None:
        if len(self._typed) >= _LONGEST_LINE:
            self._write(_BELL)
            return
        self._typed += key
        self._echo(key)

    def _echo(self, text: str) -> None:
        if self._question is None or not self._question.hidden:
            self._write(text)

    def _shown_prompt(self) -> str:
        return self._command_line.prompt if self._question is None else self._question.text

    def _submit(self, line: str, *, ends: bool = False) -> None:
        self._typed = ""
        self._write("\r\n")
        self._busy = True
        if self._site.schedule is None:
            self._carry_out(line, ends=ends)
        else:
            self._site.schedule(lambda: self._carry_out_later(line, ends=ends))

    def _carry_out_later(self, line: str, *, ends: bool) -> None:
        with self._site.lock:
            self._carry_out(line, ends=ends)
            self._take_keys()

    def _carry_out(self, line: str, *, ends: bool) -> None:
        if self.closed:
            return
        site = self._site
        site.device.run_timers()
        fault = (site.faults.find_fault(line) if site.faults else None) or Fault()
        if fault.happens is not None:
            fault.happens()
        self._piece = fault.piece
        for noise in fault.noise:
            self.show_line(noise)
        if fault.dropped == "before":
            self.close()
        if self.closed:
            return
        answer = Answer(fault.refused) if fault.refused is not None else self._enter(line, ends=ends)
        if site.on_line is not None:
            site.on_line()
        if fault.dropped == "after":
            self.close()
        elif not fault.silent:
            self._show(answer)

    def _enter(self, line: str, *, ends: bool) -> Answer:
        """Enter a line; Ctrl-Z behind it enters it too, and then ends."""
        if not ends:
            return self._command_line.enter(line)
        first = self._command_line.enter(line) if line.strip() else Answer()
        if first.question is not None or first.closed:
            return first
        second = self._command_line.enter(CONTROL_Z)
        return Answer(first.lines + second.lines, second.question, second.closed)

    def _show(self, answer: Answer) -> None:
        self._rest.extend(answer.lines)
        self._then = answer
        self._write_page(self._command_line.page - 1 if self._command_line.page else len(answer.lines))
        self._busy = False

    def _write_page(self, lines: int) -> None:
        for _ in range(min(lines, len(self._rest))):
            self._write(self._rest.popleft() + "\r\n")
        if self._rest:
            self._write(self._command_line.pager[0])
        else:
            self._finish_answer()

    def _turn_page(self, key: str) -> None:
        self._write(self._command_line.pager[1])
        if key == " ":
            self._write_page(max(1, self._command_line.page - 1))
        elif key in _ENTER:
            self._write_page(1)
        else:
            self._rest.clear()
            self._finish_answer()

    def _finish_answer(self) -> None:
        if self._then.closed:
            self.close()
            return
        self._question = self._then.question
        self._write(self._shown_prompt())
        self._piece = 0
