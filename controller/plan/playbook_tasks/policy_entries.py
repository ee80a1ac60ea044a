"""Entries of `access/quarantines.yaml` that a playbook writes and deletes; every other line of the file stays."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from controller.errors import PolicyError, TsunaguError
from controller.inputs.input_file import read_input_text
from controller.model.access.quarantines import Quarantine, QuarantineFile
from controller.model.city import City
from controller.model.formats.number import take_format
from controller.model.formats.text_edits import find_entry, find_last_line, insert_lines, remove_lines
from controller.model.policy_files import QUARANTINES
from controller.model.yaml_source import REFUSED, parse_yaml
from controller.storage.whole_file import write_whole

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
class PolicyText:
    """The file before and after a change; `before` None where there is no file."""

    path: Path
    before: str | None
    after: str
    told: str = ""
    """What else somebody should know of it."""

    @property
    def changed(self) -> bool:
        """Tell if anything is written."""
        return (self.before or "") != self.after


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


def try_policy_text(found: PolicyText, load: Callable[[dict[str, Path]], City]) -> City:
    """Return the city that a change leads to; `load` loads it with files that stand in for some of the folder's.

    Raises:
        TsunaguError: the policy refuses what would be written, with its line.
    """
    with tempfile.TemporaryDirectory(prefix="tsunagu-entry-") as place:
        file = Path(place) / found.path.name
        file.write_text(found.after or "format: 1\n", encoding="utf-8")
        try:
            return load({QUARANTINES.name: file})
        except PolicyError as error:
            message = f"nothing was written: {str(error).replace(str(file), str(found.path))}"
            raise TsunaguError(message) from None


def write_policy_text(found: PolicyText) -> None:
    """Write what a change leads to, unless somebody changed the file meanwhile.

    Raises:
        TsunaguError: it says something else by now, or cannot be written.
    """
    _replace_text(found.path, found.before, found.after)


def restore_policy_text(found: PolicyText) -> bool:
    """Write again what stood there before a change; False, and nothing done, where the file says something else now.

    Raises:
        TsunaguError: it cannot be written.
    """
    if _find_text(found.path) != found.after or not found.changed:
        return False
    _replace_text(found.path, found.after, found.before)
    return True


def _replace_text(path: Path, expected: str | None, text: str | None) -> None:
    if _find_text(path) != expected:
        message = f"{path}: was changed by somebody else meanwhile; nothing was written: run this again"
        raise TsunaguError(message)
    try:
        if text is None:
            path.unlink()
        else:
            write_whole(text.encode(), path, private=False)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror})"
        raise TsunaguError(message) from None


def _open_file(policies: Path) -> tuple[Path, str | None, QuarantineFile]:
    path = policies / QUARANTINES.name
    text = _find_text(path)
    return path, text, QuarantineFile() if text is None else _understand(path, text)


def _find_text(path: Path) -> str | None:
    return read_input_text(path) if path.exists() or path.is_symlink() else None


def _understand(path: Path, text: str) -> QuarantineFile:
    kind = QUARANTINES
    parsed = parse_yaml(text.encode(), str(path))
    document, _, refused = take_format(parsed, kind.format, kind.readable_from, kind.migrations)
    file, problems = document.validate(QuarantineFile)
    if refused is not None or file is None:
        raise PolicyError(REFUSED, [refused] if refused else problems)
    return file


def _is_current(one: Quarantine, subject: Subject, today: date) -> bool:
    return one.target == subject.target and one.until >= today


def _list_words(one: Quarantine) -> dict[str, object]:
    said = one.model_dump(exclude={"origin"}, exclude_none=True)
    return said | {"keeps": list(one.keeps)} if one.keeps else {k: v for k, v in said.items() if k != "keeps"}


def _write_entry(words: dict[str, object]) -> str:
    r"""Write an entry as one line; whatever a text holds, it is a text.

    >>> _write_entry({"school": "kw-e01", "since": date(2026, 12, 1), "by": "a \"b\": c"})
    '{school: "kw-e01", since: 2026-12-01, by: "a \\"b\\": c"}'
    """
    parts = (
        f"{name}: {value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)}"
        for name, value in words.items()
    )
    return f"{{{', '.join(parts)}}}"


def _add_entry(path: Path, text: str, key: str, words: dict[str, object]) -> str:
    line = _write_entry(words)
    text = text or "format: 1\n"
    found = find_entry(text, (key,))
    if found is None:
        end = "" if text.endswith("\n") else "\n"
        return _confirm(path, f"{text}{end}{key}:\n  - {line}\n")
    name, listed = found
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        empty = slice(int(listed.start_mark.index), int(listed.end_mark.index))
        text = text[: empty.start].rstrip(" ") + text[empty.stop :]
        return _confirm(path, insert_lines(text, int(name.start_mark.line), [f"  - {line}"]))
    if listed.flow_style:
        message = f"{path}:{name.start_mark.line + 1}: {key}: write each entry on a line of its own, behind '- '"
        raise TsunaguError(message)
    indent = " " * int(listed.start_mark.column)
    return _confirm(path, insert_lines(text, find_last_line(listed), [f"{indent}- {line}"]))


def _delete_entries(path: Path, text: str, key: str, numbers: Sequence[int]) -> str:
    found = find_entry(text, (key,))
    if found is None or not isinstance(found[1], yaml.SequenceNode) or found[1].flow_style:
        message = f"{path}: {key}: write each entry on a line of its own, behind '- '; then this can delete one"
        raise TsunaguError(message)
    name, listed = found
    entries = [(int(one.start_mark.line), find_last_line(one)) for one in listed.value]
    for number in sorted(numbers, reverse=True):
        text = remove_lines(text, *entries[number])
    if len(numbers) == len(entries):
        colon = text.index(":", int(name.end_mark.index)) + 1
        text = f"{text[:colon]} []{text[colon:]}"
    return _confirm(path, text)


def _confirm(path: Path, text: str) -> str:
    """Return a text that is still such a file.

    Raises:
        PolicyError: it is not; nothing was written.
    """
    _understand(path, text)
    return text
