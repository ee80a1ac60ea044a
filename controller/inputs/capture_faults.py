"""What shows that a saved configuration is no whole configuration: a pager's stop, a refused command, a web page.

Such text stands outside the blocks that are read, where whatever is unknown is taken for a setting of the city's own.
"""

from __future__ import annotations

import re

_SAVE_ANEW = "save its running configuration anew"
_PAGER = re.compile(
    r"[\s\x08]*(?:-- ?more ?--|<-+ ?more ?-+>|-+ ?(?:more|つづく|続く|続きを表示) ?-+|---\(more[^)]*\)---"
    r"|lines \d+-\d+(?:/\d+)?(?: \(END\))?\s*$|press any key to continue)",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"\s*%+ ?(?:Invalid input|Ambiguous command|Incomplete command|Unknown command|Unrecognized command"
    r"|Authorization failed|Command authorization failed|Bad secrets|Access denied)",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"\s*(?:user ?name|login|password|ユーザ名|パスワード) ?:(?:\s+\S{0,40})?\s*$", re.IGNORECASE)
_CLOSED = re.compile(
    r"\s*(?:%? ?connection (?:to \S+ )?(?:closed|reset|timed out|lost)|%? ?\S+-config is not present)", re.IGNORECASE
)
_LOGGED = re.compile(r"[*.]?\w{3} +\d+ (?:\d{4} )?[\d:.]+.{0,20}: %[A-Z0-9_]+-\d-[A-Z0-9_]+:")
_STAMPED = re.compile(r"\[\d{4}-\d\d-\d\d[ T][\d:.]+\]")
_BEGINS = re.compile(r"(?:Building configuration|Current configuration ?:)", re.IGNORECASE)
_END = re.compile(r"(?:end|return)\s*$", re.IGNORECASE)
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|\?xml)\b", re.IGNORECASE)
_DATA = re.compile(r"\s*[{\[]\s*(?:[\"'{\[]|$)")
_BRACES = re.compile(r"[^!#\n]*[{}] *(?:\n|$)")
_ESCAPE = "\x1b"
_LINE_FAULTS = (
    (_PAGER, "the stop of a pager stands here; switch the pager off ('terminal length 0') and save it anew"),
    (_REFUSED, "the device refused a command here; save its whole running configuration anew"),
    (_LOGIN, f"the dialogue of a login stands here; {_SAVE_ANEW}, without it"),
    (_CLOSED, f"the device or the connection ended here; {_SAVE_ANEW}"),
    (_LOGGED, f"a log message of the device stands here; switch them off ('no logging console'), {_SAVE_ANEW}"),
    (_STAMPED, f"the terminal program wrote a time before this line; switch that off, {_SAVE_ANEW}"),
)
_LONGEST = 200
"""Characters of a line that are looked at."""


def _name_other_text(first: str) -> str:
    """Say what a text is that begins so, if it is no configuration; else nothing."""
    if not first:
        return "is empty; save what the device shows as its running configuration"
    if _PAGE.match(first):
        return "is a web page; save what the device shows as its running configuration"
    if _DATA.match(first):
        return "is JSON or another table of data; save what the device shows as its running configuration"
    if _BRACES.match(first):
        return f"is written in braces, as another system shows it; {_SAVE_ANEW} as lines of commands"
    return ""


def find_capture_fault(text: str) -> tuple[int, str] | None:
    r"""The line, and why a text is no whole running configuration; None where nothing speaks against it.

    >>> find_capture_fault("hostname a\n --More-- \nend\n")
    (2, "the stop of a pager stands here; switch the pager off ('terminal length 0') and save it anew")
    >>> find_capture_fault("Current configuration : 900 bytes\nhostname a\n")
    (1, 'begins as a whole configuration and has no end; save its running configuration anew')
    """
    lines = text.split("\n")
    other = _name_other_text(text.lstrip()[:_LONGEST])
    if other:
        return 1, other
    for number, line in enumerate(lines, 1):
        if _ESCAPE in line:
            return number, f"a code that steers a terminal stands here (U+001B); {_SAVE_ANEW} as plain text"
        for pattern, fault in _LINE_FAULTS:
            if pattern.match(line[:_LONGEST]):
                return number, fault
    begins = next((number for number, line in enumerate(lines, 1) if _BEGINS.match(line)), 0)
    if begins and not any(_END.match(line) for line in lines):
        return begins, f"begins as a whole configuration and has no end; {_SAVE_ANEW}"
    return None
