"""What shows that a saved configuration is no whole configuration: a pager's stop, a refused command, a web page.

Such text stands outside the blocks that are read, where whatever is unknown is taken for a setting of the city's own.
"""

from __future__ import annotations

import re

_PAGER = re.compile(r"[\s\x08]*(?:-- ?more ?--|<-+ ?more ?-+>|-+ ?more ?-+|---\(more[^)]*\)---)", re.IGNORECASE)
_REFUSED = re.compile(
    r"\s*%+ ?(?:Invalid input|Ambiguous command|Incomplete command|Unknown command|Unrecognized command"
    r"|Authorization failed|Command authorization failed|Bad secrets|Access denied)",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|\?xml)\b", re.IGNORECASE)
_LONGEST = 200
"""Characters of a line that are looked at."""


def find_capture_fault(text: str) -> tuple[int, str] | None:
    r"""The line, and why a text is no whole running configuration; None where nothing speaks against it.

    >>> find_capture_fault("hostname a\n --More-- \nend\n")
    (2, "the stop of a pager stands here; switch the pager off ('terminal length 0') and save it anew")
    """
    first = text.lstrip()
    if not first:
        return 1, "is empty; save what the device shows as its running configuration"
    if _PAGE.match(first[:_LONGEST]):
        return 1, "is a web page; save what the device shows as its running configuration"
    for number, line in enumerate(text.split("\n"), 1):
        if _PAGER.match(line[:_LONGEST]):
            return (
                number,
                "the stop of a pager stands here; switch the pager off ('terminal length 0') and save it anew",
            )
        if _REFUSED.match(line[:_LONGEST]):
            return number, "the device refused a command here; save its whole running configuration anew"
    return None
