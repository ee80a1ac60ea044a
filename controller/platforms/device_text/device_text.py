r"""What a device said: a type that holds its text within bounds and prints it redacted only.

The raw text is for a parser alone (`reveal`). Whatever else happens to the object, in an f-string, a log, a document or
a traceback, shows keywords, addresses and names, and no value that can be a secret. Control characters do not even
reach the parser: an escape sequence becomes the visible `\x1b` where the bytes come in.
"""

from __future__ import annotations

from collections.abc import Collection

from controller.errors import DeviceTextRefused
from controller.inputs.shown_text import escape_lines
from controller.platforms.device_text.redaction import redact, redact_message

MAXIMUM_BYTES = 4 * 1024 * 1024
"""Of one answer. What is saved is read again as a file of at most so much, and to redact as much takes seconds."""
MAXIMUM_LINES = 200_000
MAXIMUM_LINE = 16_384
"""Characters of one line."""
SHOWN_CHARACTERS = 160
"""Of a line that a message quotes."""
MESSAGE_CHARACTERS = 600
"""Of what a device says of its own error."""


class DeviceText:
    r"""A device's answer; `str()` of it is redacted.

    >>> text = DeviceText("hostname r1\nenable secret hunter2\n")
    >>> print(text)
    hostname r1
    enable secret <redacted>
    <BLANKLINE>
    >>> text.reveal().splitlines()[1]
    'enable secret hunter2'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str, device: str = "") -> None:
        """Keep a text whose control characters are made visible.

        Raises:
            DeviceTextRefused: it is longer than any configuration; names the device and, where there is one, the line.
        """
        refuse_oversized(device, len(text))
        self._text = clean_text(text)
        lines = self._text.split("\n")
        if len(lines) > MAXIMUM_LINES:
            message = f"it sent {len(lines)} lines; a configuration has at most {MAXIMUM_LINES}"
            raise DeviceTextRefused(device, message)
        for number, line in enumerate(lines, start=1):
            if len(line) > MAXIMUM_LINE:
                message = f"its line {number} has {len(line)} characters; a line has at most {MAXIMUM_LINE}"
                raise DeviceTextRefused(device, message)

    @classmethod
    def decode(cls, answer: bytes, device: str) -> DeviceText:
        """Return the text of bytes as they came; what is no UTF-8 becomes the replacement character."""
        return cls(answer.decode("utf-8", errors="replace"), device)

    def reveal(self) -> str:
        """Return the whole text, secrets and all: for a parser, never for a message."""
        return self._text

    def ends_with_line(self, line: str) -> bool:
        """Say if this is the last line that is not blank."""
        return self._text.rstrip().rpartition("\n")[2].rstrip() == line

    def redact(self, understood: Collection[int] = ()) -> tuple[str, int]:
        """Return what may be kept, and the number of lines that it changes; `understood` lines stay, see `redact`."""
        return redact(self._text, understood)

    def __str__(self) -> str:
        return self.redact()[0]

    def __repr__(self) -> str:
        return f"DeviceText({str(self)!r})"

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceText) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def refuse_oversized(device: str, size: int) -> None:
    """Refuse an answer that is longer than any configuration.

    Raises:
        DeviceTextRefused: names the device.
    """
    if size > MAXIMUM_BYTES:
        message = f"it sent more than {MAXIMUM_BYTES // 1024 // 1024} MB to one command and was cut off; look at it"
        raise DeviceTextRefused(device, message)


def clean_text(text: str) -> str:
    r"""Return a text whose control and direction characters are visible; line ends and tabs stay.

    >>> clean_text("a\x1b[2Jb\r\nc")
    'a\\x1b[2Jb\nc'
    >>> clean_text("banner motd \x03hello\x03")
    'banner motd ^Chello^C'
    """
    # ^C is what network systems themselves print for the delimiter of a banner.
    return escape_lines(text.replace("\r\n", "\n").replace("\x03", "^C"))


def describe_device_words(said: str) -> str:
    """Return what a device says of itself, for a message: one line, escaped, without secrets, cut."""
    lines = [line.strip() for line in redact_message(clean_text(said[: 4 * MESSAGE_CHARACTERS])).split("\n")]
    return cut_text("; ".join(line for line in lines if line), MESSAGE_CHARACTERS)


def cut_text(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """Return a text that is no longer than a message can bear; what is cut off is said.

    >>> cut_text("abcdef", 4)
    'abcd... (2 more)'
    """
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more)"
