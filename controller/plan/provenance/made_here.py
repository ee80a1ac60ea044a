"""A record beside a plan that this user made it on this machine: an HMAC of its bytes by a key of this user.

Where nobody signs, it is what shows that a plan is the one that `tsunagu plan` wrote: which devices, which day, which
times and which canary no derivation can know.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from controller.errors import InputRefused, PlanRefused, TsunaguError
from controller.inputs.input_file import read_input_file
from controller.plan.document import name_record
from controller.plan.proof.cache_key import find_key_file, load_key
from controller.storage.whole_file import write_whole

KEY_NAME = "plans.key"
_MOST_BYTES = 1 << 10
_PURPOSE = b"tsunagu-plan made here\n"


def record_made_plan(content: bytes, path: Path) -> None:
    """Put the record beside a saved plan.

    Raises:
        TsunaguError: this user's key cannot be used, or the record cannot be written.
    """
    place = name_record(path)
    try:
        write_whole(_compute_record(content), place)
    except OSError as error:
        message = f"{place}: the record of the plan cannot be saved: {error.strerror}"
        raise TsunaguError(message) from None


def refuse_foreign_plan(content: bytes, path: Path) -> None:
    """Refuse a plan without a record that this user made exactly these bytes.

    Raises:
        PlanRefused: there is none, or it is over other bytes or by another key.
    """
    place = name_record(path)
    try:
        given = read_input_file(place, most_bytes=_MOST_BYTES)
        good = hmac.compare_digest(given, _compute_record(content))
    except (FileNotFoundError, InputRefused):
        good = False
    except (OSError, TsunaguError) as error:
        message = f"{path}: whether it was made here cannot be said: {error}"
        raise PlanRefused(message) from None
    if not good:
        message = (
            f"{path}: nobody signed it, and {place.name} does not show that you made it on this machine, or it was "
            "changed since. Make it anew here, or let its planner sign it (tsunagu plan --sign-with KEY, "
            "and approvals: allowed-signers); to take it as it stands: --made-elsewhere"
        )
        raise PlanRefused(message)


def _compute_record(content: bytes) -> bytes:
    key = load_key(find_key_file(KEY_NAME))
    return hmac.digest(key, _PURPOSE + content, "sha256").hex().encode() + b"\n"
