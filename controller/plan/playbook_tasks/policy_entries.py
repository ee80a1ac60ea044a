"""Entries of `access/quarantines.yaml` that a playbook writes and deletes; every other line of the file stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from controller.errors import TsunaguError
from controller.model.access.quarantines import Quarantine, QuarantineFile
from controller.model.loading.policy_text import (
    PolicyText,
    add_entry,
    delete_entries,
    find_policy_text,
    understand_policy_text,
)
from controller.model.policy_files import QUARANTINES

QUARANTINED, CLOSED = "quarantines", "closed"
"""The lists of the file."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is cut off or opened: a school, or a port of a device."""

    school: str = ""
    device: str = ""
    port: str = ""

    @property
    def words(self) -> dict[str, str]:
        """The fields that name it in the file."""
        return {"school": self.school} if self.school else {"device": self.device, "port": self.port}

    @property
    def target(self) -> tuple[str, ...]:
        """As `Quarantine.target`."""
        return tuple(self.words.values())

    def __str__(self) -> str:
        """As `Quarantine.subject`."""
        return f"school {self.school}" if self.school else f"port {self.port} of {self.device}"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long something is cut off (the last day), why, who answers for it, and which rules are kept."""

    until: date
    reason: str
    by: str
    keeps: tuple[str, ...] = ()


def quarantine_subject(policies: Path, subject: Subject, terms: Terms, today: date) -> PolicyText:
    """Return the file with an entry that cuts something off from today on; one that is in force has new terms then.

    An entry of later days stays: where the new one would run into it, the policy refuses both.

    Raises:
        TsunaguError: the file cannot be changed so.
    """
    path, before, file = _open_file(policies)
    known = [
        number for number, one in enumerate(file.quarantines) if one.target == subject.target and one.holds_on(today)
    ]
    since = min((file.quarantines[number].since for number in known), default=today)
    words: dict[str, object] = {**subject.words, "since": min(since, today), "until": terms.until}
    words |= {"reason": terms.reason, "by": terms.by} | ({"keeps": list(terms.keeps)} if terms.keeps else {})
    if [_list_words(file.quarantines[number]) for number in known] == [words]:
        return PolicyText(path, before, before or "")
    after = _delete_entries(path, before or "", QUARANTINED, known) if known else before or ""
    return PolicyText(path, before, _add_entry(path, after, QUARANTINED, words))


def release_subject(policies: Path, subject: Subject, today: date) -> PolicyText:
    """Return the file without the entries that cut something off today or later, or that close the school.

    Those of later days are named: somebody planned them.

    Raises:
        TsunaguError: the file cannot be changed so.
    """
    path, before, file = _open_file(policies)
    known = [number for number, one in enumerate(file.quarantines) if _is_current(one, subject, today)]
    closed = [number for number, one in enumerate(file.closed) if one.school == subject.school]
    after = before or ""
    for key, numbers in ((QUARANTINED, known), (CLOSED, closed)):
        after = _delete_entries(path, after, key, numbers) if numbers else after
    later = [f"{one.since} to {one.until}" for one in map(file.quarantines.__getitem__, known) if one.since > today]
    later += [f"closed from {shut.since} on" for shut in map(file.closed.__getitem__, closed) if shut.since > today]
    told = f"{subject} is not cut off on later days either: deleted, too: {', '.join(later)}" if later else ""
    return PolicyText(path, before, after, told)


def refuse_vain_release(policies: Path, subject: Subject, place: Collection[str]) -> None:
    """See that there is something to open: an entry, also one that has run out, or a closed school.

    `place` are the school and its devices: what is cut off of them is named.

    Raises:
        TsunaguError: there is nothing.
    """
    path, _, file = _open_file(policies)
    if any(one.target == subject.target for one in file.quarantines):
        return
    if any(one.school == subject.school for one in file.closed):
        return
    there = [
        f"{one.subject} ({one.since} to {one.until})" for one in file.quarantines if {one.school, one.device} & {*place}
    ]
    there += [f"school {one.school} (closed from {one.since} on)" for one in file.closed if one.school in place]
    message = (
        f"{subject} is not cut off; in {path.name} there: {', '.join(there) or 'nothing'}. Name one of these; what the "
        "policy says already is rolled out by apply_policy, or by release with the plan (setting plan)"
    )
    raise TsunaguError(message)


def close_school(policies: Path, school: str, terms: tuple[str, str], today: date) -> PolicyText:
    """Return the file with an entry that closes a school from today on; `terms` are why, and who answers for it.

    It takes the place of one that would have closed the school later.

    Raises:
        TsunaguError: the file cannot be changed so.
    """
    path, before, file = _open_file(policies)
    if any(one.school == school and one.holds_on(today) for one in file.closed):
        return PolicyText(path, before, before or "")
    words: dict[str, object] = {"school": school, "since": today, "reason": terms[0], "by": terms[1]}
    later = [number for number, one in enumerate(file.closed) if one.school == school]
    after = _delete_entries(path, before or "", CLOSED, later) if later else before or ""
    return PolicyText(path, before, _add_entry(path, after, CLOSED, words))


def _open_file(policies: Path) -> tuple[Path, str | None, QuarantineFile]:
    path = policies / QUARANTINES.name
    text = find_policy_text(path)
    return path, text, QuarantineFile() if text is None else understand_policy_text(QUARANTINES, path, text)


def _add_entry(path: Path, text: str, key: str, words: dict[str, object]) -> str:
    return _confirm(path, add_entry(path, text, key, words))


def _delete_entries(path: Path, text: str, key: str, numbers: Sequence[int]) -> str:
    return _confirm(path, delete_entries(path, text, key, numbers))


def _confirm(path: Path, text: str) -> str:
    """Return a text that is still such a file.

    Raises:
        PolicyError: it is not; nothing was written.
    """
    understand_policy_text(QUARANTINES, path, text)
    return text


def _is_current(one: Quarantine, subject: Subject, today: date) -> bool:
    return one.target == subject.target and one.until >= today


def _list_words(one: Quarantine) -> dict[str, object]:
    said = one.model_dump(exclude={"origin"}, exclude_none=True)
    return said | {"keeps": list(one.keeps)} if one.keeps else {k: v for k, v in said.items() if k != "keeps"}
