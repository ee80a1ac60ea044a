"""Puts the secrets that a backup took out in again, from where they live; nothing is typed before all were found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from controller.errors import LoginRefused, Origin, Problem, RestoreRefused
from controller.inputs.shown_text import escape_controls
from controller.operations.device_access import CredentialSource
from controller.operations.restore_settings import RestoreSettings
from controller.platforms.base import ConfigLine
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.device_text.redaction import REDACTED

Resolve = Callable[[str, CredentialSource], str]
"""As `controller.platforms.transport.credentials.resolve_secret`."""
_LONGEST = 400


def fill_secrets(
    device: str, path: Path, lines: Sequence[ConfigLine], settings: RestoreSettings, resolve: Resolve
) -> Mapping[int, str]:
    """Return what the redacted lines of a backup are with their secrets: whole lines, by number.

    Raises:
        RestoreRefused: a secret cannot be found, does not fit where it was taken out, or could be that of several
            lines; names every such line, and never a secret.
    """
    filled: dict[int, str] = {}
    problems: list[Problem] = []
    redacted = [line for line in lines if REDACTED in line.text]
    alike = Counter(line.text.strip() for line in redacted)
    for line in redacted:
        words = line.text.strip()
        source = settings.find_secret(words, device)
        if alike[words] > 1:
            why = (
                f"{alike[words]} lines of the backup are the same without what was taken out, so nobody can tell which "
                "secret is whose; leave them out (restore: leave-out) and set them by the console"
            )
        elif source is None:
            why = (
                "the backup took something out here, and the operators' file does not say where it lives: restore: "
                f'secrets: - {{line: "{words}", secret: ...}}; or leave the line out: restore: leave-out'
            )
        else:
            try:
                filled[line.number] = _fill(device, line.text, resolve(device, source))
                continue
            except (LoginRefused, ValueError) as error:
                why = str(error)
        problems.append(Problem(Origin(str(path), line.number), "", f"{words!r}: {why}"))
    if problems:
        listed = "\n".join(f"  {one}" for one in problems)
        message = f"{device}: secrets that its configuration needs are not there; nothing was sent to it:\n{listed}"
        raise RestoreRefused(message)
    return filled


def _fill(device: str, line: str, secret: str) -> str:
    """Return a line with what was taken out of it.

    Raises:
        ValueError: it does not fit there: too many or too few lines, characters that no line can hold, or with it the
            line would be another one than the backup has.
    """
    parts, values = line.split(REDACTED), secret.split("\n")
    if len(values) != len(parts) - 1:
        message = f"{len(parts) - 1} values were taken out here, and the reference leads to {len(values)} lines"
        raise ValueError(message)
    if any(not value.strip() or len(value) > _LONGEST or escape_controls(value) != value for value in values):
        message = (
            f"the reference leads to nothing, to more than {_LONGEST} characters, or to ones that no line can hold"
        )
        raise ValueError(message)
    whole = parts[0] + "".join(value + rest for value, rest in zip(values, parts[1:], strict=True))
    # What was taken out is a value: with it the line must be the one that the backup has, and nothing more.
    if DeviceText(whole.strip(), device).redact()[0] != line.strip():
        message = "with what the reference leads to the line would be another one than the backup has"
        raise ValueError(message)
    return whole
