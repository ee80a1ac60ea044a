"""Which trace a plan, a proof and a rollout have: a file in the state folder, from which later traces link to them.

It is no evidence and no part of a plan: what signs, proves or carries out a plan never reads it. Where it cannot be
read or kept, a trace has no links, and nothing else is different.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from controller.errors import FileLocked, InputRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.input_file import read_input_file
from controller.storage.file_lock import hold_file_lock
from controller.storage.whole_file import write_whole

FILE = "traces.json"
MOST_BYTES = 4 << 20
MOST_KEPT = 2_000
"""Of each kind the newest are kept: the schools of the largest board, and more plans than a year has."""
_PATIENCE = 1.0
_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class TraceOf(StrEnum):
    """What a trace was about; what each is known by."""

    PLAN = "plan"
    """By the digest of the plan."""
    PLAN_OF_POLICY = "plan-of-policy"
    """By the digest of the policy that it was made from; the newest one."""
    PROOF = "proof"
    """By the digest of the policy that was proved."""
    ROLLOUT = "rollout"
    """By each school that it touched; the newest one."""


@dataclass(frozen=True, slots=True)
class TraceMark:
    """A span of a trace, in hexadecimal."""

    trace: str
    span: str

    def format_text(self) -> str:
        """The span as W3C's `traceparent` has it.

        >>> TraceMark("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331").format_text()
        '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
        """
        return f"00-{self.trace}-{self.span}-01"


Marks = Mapping[TraceOf, Mapping[str, TraceMark]]


def remember_trace(state: Path, mark: TraceMark, about: Iterable[tuple[TraceOf, str]]) -> None:
    """Keep which trace something has; where that cannot be kept, a warning says so."""
    path = state / FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_file_lock(path.with_name(f"{FILE}.lock"), patience=_PATIENCE):
            kept = {kind: dict(found) for kind, found in read_trace_marks(state).items()}
            for kind, name in about:
                # The newest stands last.
                kept.setdefault(kind, {}).pop(name, None)
                kept[kind][name] = mark
            document = {
                str(kind): {name: one.format_text() for name, one in list(found.items())[-MOST_KEPT:]}
                for kind, found in kept.items()
            }
            write_whole(json.dumps(document, indent=1).encode(), path)
    except (OSError, FileLocked) as error:
        logging.getLogger("tsunagu").warning("%s: later traces will not link to this one: %s", path, error)


def read_trace_marks(state: Path) -> Marks:
    """The traces that were kept; none where the file is missing or damaged."""
    path = state / FILE
    try:
        return parse_trace_marks(read_input_file(path, most_bytes=MOST_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, InputRefused) as error:
        logging.getLogger("tsunagu").warning("%s: no trace is linked: %s", path, error)
        return {}


def parse_trace_marks(content: bytes) -> Marks:
    r"""The traces that a file's bytes name; whatever is not in the form is left out.

    >>> text = b'{"plan": {"d1": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "d2": 7}, "x": {}}'
    >>> {str(kind): list(found) for kind, found in parse_trace_marks(text).items()}
    {'plan': ['d1']}
    >>> parse_trace_marks(b"half a f")
    {}
    """
    try:
        document = parse_json(content, most_bytes=MOST_BYTES)
    except JsonRefused:
        return {}
    known = {str(kind): kind for kind in TraceOf}
    sections = document.items() if isinstance(document, dict) else ()
    return {
        known[name]: {
            key: TraceMark(*form.groups())
            for key, text in section.items()
            if _NAME.fullmatch(key) and isinstance(text, str) and (form := _FORM.fullmatch(text))
        }
        for name, section in sections
        if name in known and isinstance(section, dict)
    }
