"""What a rollout runs from, kept with it: its plan with the signatures, and the files of its policy.

The files of the policy before it are kept as well: whoever carries it on may have to undo a wave, on any machine.
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from controller.errors import PlanRefused, StoreRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.input_file import InputFolder, read_input_file
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_bounds import PolicyBounds
from controller.model.policy_files import POLICY_FILES
from controller.model.virtual_city import ESTATES
from controller.plan.document import MOST_BYTES, PlanFile, list_signatures, name_approval, parse_plan
from controller.plan.provenance.approvals import MOST_SIGNATURE_BYTES, SignedPlan

_MOST_STORED = 2 * MOST_BYTES
_PLAN = "plan.json"
_Ending = Annotated[str, Field(pattern=r"^\.[A-Za-z0-9_.@+-]{1,150}$")]
"""What the name of a signature's file has behind the plan's."""
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{1,800}={0,2}$")]
"""A file's name below its folder, as base64."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The plan and each file as base64, by the name under which it stood.

    `before` are the files of the policy before the rollout; none where none is known, or an earlier version wrote this.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    plan: str
    signatures: dict[_Ending, str]
    policy: dict[_FileName, str]
    before: dict[_FileName, str] = field(default_factory=dict)


_STORED = TypeAdapter(_Stored)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that was unpacked: the plan with its signatures beside it, and the folder of its policy.

    `policies_before` is the folder of the policy before it; None where the snapshot holds none.
    """

    signed: SignedPlan
    policies: Path
    policies_before: Path | None = None

    @property
    def plan(self) -> PlanFile:
        """The plan."""
        return self.signed.plan

    def load_city(self, bounds: PolicyBounds, on: date | None = None) -> City:
        """Load the policy of a day within today's bounds of the operators.

        Raises:
            PolicyError: it cannot be loaded, or is wider than they allow now.
            PlanRefused: it is not the policy that the plan was made from.
        """
        shown = f"the snapshot {self.plan.policy[:12]}"
        city = load_city(self.policies, on=on, estate=ESTATES[self.plan.estate], bounds=bounds, shown_as=shown)
        if city.digest != self.plan.policy:
            message = f"{shown}: holds another policy ({city.digest[:12]}) than the plan was made from; it was changed"
            raise PlanRefused(message)
        return city

    def load_policy_before(self, digest: str, bounds: PolicyBounds) -> tuple[City, Path]:
        """Load the policy before within today's bounds of the operators; return it and the folder of its files.

        Raises:
            PolicyError: it cannot be loaded, or is wider than they allow now.
            PlanRefused: the snapshot holds none, or another one than was applied before.
        """
        shown, folder = f"the policy before {digest[:12]} in the snapshot {self.plan.policy[:12]}", self.policies_before
        if folder is None:
            message = f"{shown}: its files are not there"
            raise PlanRefused(message)
        city = load_city(folder, estate=ESTATES[self.plan.estate], bounds=bounds, shown_as=shown)
        if city.digest != digest:
            message = f"{shown}: another policy ({city.digest[:12]}) stands there; it was changed"
            raise PlanRefused(message)
        return city, folder


def pack_snapshot(plan_path: Path, content: bytes, policies: Path, before: Path | None) -> bytes:
    """Return a plan, the signatures that stand beside it and the policies in two folders, as one block of bytes.

    `before` is the folder of the policy before; None where it is not kept.
    """
    signatures = {}
    for path in list_signatures(plan_path):
        if path.exists():
            ending = path.name.removeprefix(plan_path.name)
            signatures[ending] = _encode(read_input_file(path, most_bytes=MOST_SIGNATURE_BYTES))
    earlier = {} if before is None else _pack_policy(before)
    return _format_block(_Stored(_encode(content), signatures, _pack_policy(policies), earlier))


def _pack_policy(policies: Path) -> dict[str, str]:
    source, files = InputFolder(policies), {}
    for kind in POLICY_FILES:
        folder, _, pattern = kind.pattern.rpartition("/")
        for name in filter(kind.matches, source.list_names(folder, pattern)):
            files[_encode(name.encode())] = _encode(source.read_bytes(name))
    return files


@contextmanager
def unpack_snapshot(rollout: str, block: bytes) -> Iterator[Snapshot]:
    """Yield what a block holds, in a folder that goes away.

    Raises:
        StoreRefused: it is damaged.
        PlanRefused: the plan in it cannot be used.
    """
    stored = _read_block(rollout, block)
    with tempfile.TemporaryDirectory(prefix="tsunagu-snapshot-") as name:
        folder = Path(name)
        plan_path, policies, before = folder / _PLAN, folder / "policies", folder / "before"
        content = _decode(rollout, stored.plan)
        plan_path.write_bytes(content)
        for ending, text in stored.signatures.items():
            _write_inside(rollout, folder, _PLAN + ending, _decode(rollout, text))
        _unpack_policy(rollout, stored.policy, policies)
        _unpack_policy(rollout, stored.before, before)
        signed = SignedPlan(parse_plan(content, plan_path), content, plan_path, rollout)
        yield Snapshot(signed, policies, before if stored.before else None)


def replace_approvals(
    rollout: str, block: bytes, approver: str, signature: bytes, refused: Mapping[str, bytes]
) -> tuple[bytes, frozenset[str]]:
    """Return a snapshot with somebody's approval, and the endings of the signatures that it holds no more.

    `refused` are signatures that were judged as not good, by their endings. One that was given anew since then stays.

    Raises:
        StoreRefused: it is damaged.
    """
    stored = _read_block(rollout, block)
    judged = {ending: _encode(content) for ending, content in refused.items()}
    kept = {ending: text for ending, text in stored.signatures.items() if judged.get(ending) != text}
    dropped = stored.signatures.keys() - kept.keys()
    ending = name_approval(Path(_PLAN), approver).name.removeprefix(_PLAN)
    return _format_block(replace(stored, signatures=kept | {ending: _encode(signature)})), frozenset(dropped)


def _read_block(rollout: str, block: bytes) -> _Stored:
    try:
        return _STORED.validate_python(parse_json(block, most_bytes=_MOST_STORED))
    except (JsonRefused, ValidationError):
        raise _damaged(rollout, "it cannot be read") from None


def _format_block(stored: _Stored) -> bytes:
    return json.dumps(asdict(stored), sort_keys=True).encode()


def _unpack_policy(rollout: str, files: Mapping[str, str], folder: Path) -> None:
    folder.mkdir(mode=0o700)
    for file, text in files.items():
        _write_inside(rollout, folder, _decode_name(rollout, file), _decode(rollout, text))


def _write_inside(rollout: str, folder: Path, name: str, content: bytes) -> None:
    if name.startswith("/") or ".." in PurePosixPath(name).parts or "\0" in name:
        raise _damaged(rollout, "it names a file outside its folder")
    target = folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.write_bytes(content)


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _decode(rollout: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _damaged(rollout, "a file in it cannot be read") from None


def _decode_name(rollout: str, text: str) -> str:
    try:
        return _decode(rollout, text).decode()
    except UnicodeDecodeError:
        raise _damaged(rollout, "the name of a file in it cannot be read") from None


def _damaged(rollout: str, why: str) -> StoreRefused:
    message = f"the snapshot of the rollout {rollout} is damaged: {why}. Restore the database from a backup"
    return StoreRefused(message)
