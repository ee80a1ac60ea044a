"""What each school's probe said of itself last, kept in a file: a monitor that starts again forgets nothing of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.errors import TokenRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.storage.whole_file import write_whole
from controller.telemetry.enrolled_probes import SCHOOL_PATTERN, load_enrolled_probes
from controller.telemetry.writer_tokens import read_private_file

FILE_NAME = "probe-words.json"
PRODUCT = "tsunagu-probe"
SENT, WAITING, DROPPED, UPDATE = "tsunagu-sent", "tsunagu-waiting", "tsunagu-dropped", "tsunagu-update"
"""Headers of a probe's requests: its clock, results that wait, results that are lost, how its last update ended."""
SLOTS_UNTIL = "tsunagu-slots-until"
"""The header that says until when a probe knows its planned tests."""
UPDATE_WORDS = ("none", "installed", "on-trial", "older", "wrong-key", "incomplete", "not-reported", "unreachable")
_PRODUCT = re.compile(rf"{PRODUCT}/([0-9]{{1,5}}\.[0-9]{{1,5}}\.[0-9]{{1,5}})", re.ASCII)
_CLOCK = re.compile(r"[0-9]{1,11}(\.[0-9]{1,6})?", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,12}", re.ASCII)
_MOST_BYTES = 4 * 1024 * 1024


class ProbeWord(BaseModel):
    """A probe's last word. `heard_at` is the monitor's clock; `skew` how far the probe's was ahead of it (seconds).

    `slots_until`: when the planned tests that it knows end; 0 where it knows none, None where it does not go by them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    school: str = Field(pattern=SCHOOL_PATTERN)
    heard_at: float = Field(ge=0, le=1e11, allow_inf_nan=False)
    version: str = Field(default="", pattern=r"^[0-9.]{0,20}$")
    skew: float | None = Field(default=None, ge=-1e12, le=1e12, allow_inf_nan=False)
    waiting: int = Field(default=0, ge=0, le=10**12)
    dropped: int = Field(default=0, ge=0, le=10**12)
    update: str = Field(default="", pattern=r"^[a-z-]{0,20}$")
    slots_until: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    words: tuple[ProbeWord, ...] = Field(default=(), max_length=10_000)


def parse_probe_word(school: str, header: Callable[[str], str | None], at: float) -> ProbeWord:
    r"""What the headers of a request say of its probe; what is not in its form is left out.

    >>> said = {"user-agent": "tsunagu-probe/1.0.0", "tsunagu-sent": "1000.5", "tsunagu-update": "\x1b[2J"}
    >>> word = parse_probe_word("as-e04", said.get, 1000.0)
    >>> word.version, word.skew, word.update
    ('1.0.0', 0.5, '')
    """
    product = _PRODUCT.fullmatch(header("user-agent") or "")
    sent, update, until = (header(name) or "" for name in (SENT, UPDATE, SLOTS_UNTIL))
    return ProbeWord(
        school=school,
        heard_at=at,
        version=product[1] if product else "",
        skew=round(float(sent) - at, 3) if _CLOCK.fullmatch(sent) else None,
        waiting=_read_count(header(WAITING)),
        dropped=_read_count(header(DROPPED)),
        update=update if update in UPDATE_WORDS else "",
        slots_until=float(until) if _CLOCK.fullmatch(until) else None,
    )


def find_word_file(enrolments: Path) -> Path:
    """Where the monitor writes down what probes said: beside the list of those that are enrolled."""
    return enrolments.with_name(FILE_NAME)


def load_probe_words(path: Path) -> dict[str, ProbeWord]:
    """Every school's last word; none where there is no file.

    Raises:
        TokenRefused: the file is another user's, open to others, or damaged.
    """
    try:
        content = read_private_file(path, "the record of probes", _MOST_BYTES)
    except FileNotFoundError:
        return {}
    try:
        return {one.school: one for one in _Document.model_validate(parse_json(content)).words}
    except (JsonRefused, ValidationError):
        message = f"{path}: is no record of what probes said; delete it: the next words of the probes make it anew"
        raise TokenRefused(message) from None


def save_probe_words(path: Path, words: Iterable[ProbeWord]) -> None:
    """Write what probes said, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    document: Mapping[str, object] = _Document(words=tuple(words)).model_dump(mode="json")
    write_whole(f"{json.dumps(document)}\n".encode(), path)


def describe_probes(enrolments: Path, words: Mapping[str, ProbeWord]) -> Iterator[dict[str, Any]]:
    """Yield a row for each school that has a probe of its own, or whose probe was revoked last."""
    newest = {one.school: one for one in load_enrolled_probes(enrolments)}
    for school, one in sorted(newest.items()):
        word = words.get(school)
        if word is not None and word.heard_at < one.enrolled_at.timestamp():
            word = None  # of the probe that stood there before
        yield {
            "school": school,
            "enrolled_at": one.enrolled_at.isoformat(),
            "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
            "certificate_ends_at": one.certificate_ends_at.isoformat() if one.certificate_ends_at else None,
            **(word or ProbeWord(school=school, heard_at=0)).model_dump(exclude={"school", "heard_at"}),
            "heard_at": word.heard_at if word else None,
        }


def _read_count(text: str | None) -> int:
    return int(text) if text is not None and _COUNT.fullmatch(text) else 0
