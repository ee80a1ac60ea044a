"""Saves a report of what nobody expected, so that the operator reads one line and the maintainers all of it."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from controller.errors import TsunaguError
from controller.inputs.home_folder import find_home_folder
from controller.inputs.shown_text import shorten_value


def find_report_folder() -> Path:
    """Return where reports go: under XDG_STATE_HOME, or ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or find_home_folder() / ".local/state") / "tsunagu" / "reports"


def explain_unexpected(error: BaseException, command: str) -> str:
    """Save a report on an error that is a fault of the program, and return the one line that says so.

    The error code is the same wherever the same line of the program fails in the same way. The report holds the
    traceback without the values of variables; the command's options are left out, since they may name people or places.
    """
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f"{Path(last.filename).name}:{last.name}" if last else "?"
    code = "E-" + hashlib.sha256(f"{type(error).__name__} {where}".encode()).hexdigest()[:8]
    what = f"{type(error).__name__} at {where}: {shorten_value(str(error))}"
    saved = _save_report(code, command, error)
    return f"a fault of the program, not of your files ({code}): {what}; {saved}"


def _save_report(code: str, command: str, error: BaseException) -> str:
    text = "\n".join(
        (
            f"{code} {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} tsunagu {command}",
            f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
            "",
            "".join(traceback.format_exception(error)),
        )
    )
    try:
        folder = find_report_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A temporary file is readable for its owner alone.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", dir=folder, prefix=f"{code}-", suffix=".txt", delete=False
        ) as report:
            report.write(text)
    except TsunaguError as failed:
        return f"the report could not be saved: {failed}"
    except (OSError, ValueError) as failed:  # a name with a NUL byte is a ValueError
        return f"the report could not be saved in {folder}: {getattr(failed, 'strerror', None) or failed}"
    return f"the report is {report.name}: read it, and send it (SECURITY.md says where)"
