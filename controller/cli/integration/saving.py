"""Saves a change of stage: the plan, the reservations, and the policy last of all; where one fails, none of them.

And saves that it is confirmed. Both stand in the audit trail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.cli.audit import open_audit_trail
from controller.cli.devices.saved_plan import record_planned, save_plan_here
from controller.cli.estates import choose_state_folder, find_user_name
from controller.cli.integration.documents import describe_seen
from controller.cli.output import write_output
from controller.errors import TsunaguError
from controller.inputs.input_file import read_input_file
from controller.integration.pre_checks.check import CheckLimits
from controller.integration.pre_checks.registry import JudgedCheck
from controller.integration.reservations import CarriedReservations, write_reservations
from controller.integration.stage_policy import LoadInstead, StageConfirmation, StagePolicy
from controller.model.city import City
from controller.model.loading.policy_text import (
    PolicyText,
    restore_policy_text,
    try_policy_text,
    write_policy_text,
)
from controller.operations.operations import Operations
from controller.plan.document import PlanFile, list_signatures, name_record
from controller.plan.provenance.git_commit import CHANGED, find_commit
from controller.plan.provenance.signed_plan import sign_plan
from controller.rollout.ending_signals import end_like_interrupt, ignore_ending_signals
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Office:
    """Where a change of stage is planned: the operators' file, the folders, what loads the policy, and the limits."""

    operations: Operations
    policies: Path
    state: Path | None
    load: LoadInstead
    limits: CheckLimits


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """Where the plan and the reservations go, and the key that signs the plan; None where there is none."""

    plan: Path | None
    carried: Path | None
    key: Path | None

    @property
    def written(self) -> tuple[Path, ...]:
        """The files that are named to the user."""
        return tuple(one for one in (self.plan, self.carried) if one is not None)


def save_stage_change(
    document: PlanFile,
    policy: StagePolicy,
    found: tuple[Sequence[JudgedCheck], CarriedReservations | None],
    files: SavedFiles,
    office: Office,
) -> PlanFile:
    """Save the plan, write the reservations, then the policy, and say so in the audit trail.

    Whatever ends it before that leaves all files as they were: somebody's Ctrl-C at the passphrase of the key, a signal
    that ends the command, a closed terminal. While the audit trail is written no signal is let in: it says so of files
    that are there.

    Raises:
        TsunaguError: one of them cannot be written, or the policy has changed meanwhile.
    """
    made = document.model_copy(update={"commit": _foretell_commit(policy, office.policies)})
    signature = sign_plan(made, files.key) if files.plan is not None and files.key is not None else None
    _refuse_other_policy(document, policy, office)
    with end_like_interrupt(), _put_back_where_it_fails(files):
        if files.plan is not None:
            save_plan_here(made, files.plan, signature)
        if files.carried is not None and found[1] is not None:
            write_output(write_reservations(found[1]), files.carried)
        with _write_policy(policy.text), ignore_ending_signals():
            _record(made, policy, found[0], office, saved=files.plan is not None)
    return made


def save_confirmation(found: StageConfirmation, city: City, devices: int, trail: AuditTrail) -> None:
    """Write that so many devices hold a stage, and say so in the audit trail; where one fails, neither.

    Raises:
        TsunaguError: one of them cannot be written, or the policy has changed meanwhile.
    """
    entry = found.entry
    with end_like_interrupt(), _write_policy(found.text), ignore_ending_signals():
        trail.record(
            AuditKind.STAGE_CONFIRMED,
            subject=f"{found.subject.noun} {found.subject.name}",
            stage=str(entry.stage),
            came_from=str(entry.came_from),
            since=str(entry.since),
            # The day that the policy was read for: --on may say another than that of this entry.
            day=str(city.policy_date),
            schools=", ".join(found.schools),
            devices=devices,
            policy=city.digest,
            by=find_user_name(),
        )


def _foretell_commit(policy: StagePolicy, policies: Path) -> str:
    """The commit that the policies stand at once the edit is written: then there is a change beside it."""
    commit = find_commit(policies)
    return commit + CHANGED if commit and policy.text.changed and not commit.endswith(CHANGED) else commit


def _refuse_other_policy(document: PlanFile, policy: StagePolicy, office: Office) -> None:
    """Refuse a plan of another policy than the one that the edit leads to now.

    Raises:
        TsunaguError: somebody has changed it meanwhile.
    """
    if try_policy_text(policy.text, office.load).digest != document.policy:
        message = f"{office.policies}: was changed by somebody else meanwhile; nothing was planned: run this again"
        raise TsunaguError(message)


@contextmanager
def _write_policy(text: PolicyText) -> Iterator[None]:
    """Write a policy file, and put it back where what is done inside ends early.

    Raises:
        TsunaguError: it cannot be written; it stays as somebody else has left it, be that what would be written here.
    """
    is_refused = False
    try:
        if text.changed:
            try:
                write_policy_text(text)
            except TsunaguError:
                is_refused = True
                raise
        yield
    except BaseException:
        if not is_refused:
            with ignore_ending_signals():
                restore_policy_text(text)
        raise


@contextmanager
def _put_back_where_it_fails(files: SavedFiles) -> Iterator[None]:
    """Leave all files as they were where what is done inside ends early.

    Raises:
        TsunaguError: one cannot be written again.
    """
    beside = [name_record(files.plan), *list_signatures(files.plan)] if files.plan is not None else []
    kept = [(one, *_keep(one)) for one in (*files.written, *beside)]
    try:
        yield
    except BaseException:
        with ignore_ending_signals():
            for path, content, mode in kept:
                _put_back(path, content, mode)
        raise


def _keep(path: Path) -> tuple[bytes | None, int]:
    """Return what a file holds, and its permissions; None where there is no such file."""
    if not path.is_file():
        return None, 0
    return read_input_file(path), path.stat().st_mode & 0o777


def _put_back(path: Path, content: bytes | None, mode: int) -> None:
    try:
        if content is not None:
            write_whole(content, path, private=False, mode=mode)
        elif path.is_file():
            path.unlink()
    except OSError as error:
        message = f"{path}: cannot be put back as it was ({error.strerror}); nothing was planned: do not use it"
        raise TsunaguError(message) from None


def _record(
    document: PlanFile, policy: StagePolicy, checks: Sequence[JudgedCheck], office: Office, *, saved: bool
) -> None:
    """Write into the audit trail by which limits the checks were asked, and which were passed by their name; the plan.

    Of one that was passed it says by whom, why, and what was seen.
    """
    folder = choose_state_folder(document.estate, office.operations, office.state, office.policies)
    trail = open_audit_trail(folder, office.operations)
    about = {
        "subject": f"{policy.subject.noun} {policy.subject.name}",
        "stage": str(policy.stage),
        "policy": document.policy,
        "by": document.planner,
    }
    limits = {name: str(value) for name, value in asdict(office.limits).items()}
    trail.record(AuditKind.CHECK_LIMITS, **about, **limits)
    for one in (one for one in checks if one.passed_by_name):
        trail.record(
            AuditKind.CHECK_PASSED,
            **about,
            check=str(one.name),
            verdict=str(one.result.verdict),
            seen=describe_seen(one),
            reason=one.reason,
        )
    if saved:
        record_planned(document, trail)
