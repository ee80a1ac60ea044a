"""Who answers for a plan: the planner's signature and the approvals of others, counted by the operators' rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controller.errors import PlanNotApproved
from controller.inputs.input_file import read_input_file
from controller.operations.operations import ApprovalRule, Approvals
from controller.operations.trusted_files import read_trusted_file
from controller.plan.document import PlanFile, list_approvals, name_signature
from controller.plan.provenance.allowed_signers import AllowedSigners, parse_allowed_signers
from controller.plan.provenance.ssh_signatures import Refusal, SignatureVerifier

MOST_SIGNATURE_BYTES = 64 << 10
MOST_APPROVALS = 100
_REFUSED = "The files of the approvals cannot be used:"


@dataclass(frozen=True, slots=True)
class Signers:
    """The people who answer for a plan; `planner` is "" where nobody signed it.

    `counted` says that others had to approve it, and that enough of them did: only such a plan is an approved one.
    """

    planner: str = ""
    approvers: tuple[str, ...] = ()
    counted: bool = False


@dataclass(frozen=True, slots=True)
class SignedPlan:
    """A plan with the bytes that its signatures are over, and the place that they stand beside.

    `rollout` is the rollout that keeps it: the place goes away then, and people are told of the rollout.
    """

    plan: PlanFile
    content: bytes
    path: Path
    rollout: str = ""

    def __str__(self) -> str:
        return f"the plan of the rollout {self.rollout}" if self.rollout else str(self.path)

    @property
    def approve_command(self) -> str:
        """The command by which somebody approves it."""
        command = f"rollout approve {self.rollout}" if self.rollout else f"approve {self.path}"
        return f"tsunagu {command} --sign-with KEY"


def check_approvals(signed: SignedPlan, approvals: Approvals, now: datetime, *, repair: bool = False) -> Signers:
    """Return who answers for a plan, if that is enough by the operators' rules.

    Every signature that stands beside the plan must be good where the operators name allowed signers. With `repair` the
    plan only brings back what was approved before, and needs no approval of its own. Who is the planner stands in the
    signed bytes, as the fingerprint of a key: no file's name makes a planner or an approver of anybody.

    Raises:
        PlanNotApproved: a signature is not good or is missing, or too few others approved; says which, and why.
        OperationsRefused: the file of the allowed signers, or of the revoked keys, cannot be trusted.
    """
    rules = approvals.find_rules(len(signed.plan.touched_schools))
    if approvals.allowed_signers is None:
        if rules:
            message = (
                f"{signed}: {_say_rule(rules[0], signed)}, and the operators' file names nobody who could give "
                "one; name the people's keys in approvals: allowed-signers"
            )
            raise PlanNotApproved(message)
        return Signers()
    planner, approvers, allowed = _verify_signatures(signed, approvals, approvals.allowed_signers, now)
    if rules and not planner:
        place = name_signature(signed.path)
        message = f"{signed}: who planned it has not signed it ({place.name} is missing); "
        raise PlanNotApproved(message + "make the plan with: tsunagu plan --sign-with KEY")
    people = tuple(name for name in approvers if not _is_program(name, approvals, allowed))
    for rule in () if repair else rules:
        _count(signed, rule, planner, people, allowed)
    return Signers(planner, people, counted=bool(rules) and not repair)


def identify_approver(signed: SignedPlan, signature: bytes, approvals: Approvals, now: datetime) -> Signer:
    """Return whose a new approval is: among the allowed signers, or "" where the operators name none.

    Raises:
        PlanNotApproved: it is nobody's who may sign, or the planner's.
        OperationsRefused: the file of the allowed signers, or of the revoked keys, cannot be trusted.
    """
    allowed_file = approvals.allowed_signers
    if allowed_file is None:
        with SignatureVerifier(signed.content, b"", None) as verifier:
            key = verifier.find_key(signature)
        found, own = key if isinstance(key, Refusal) else Signer("", key), frozenset[str]()
    else:
        with _open_verifier(signed, approvals, allowed_file) as (verifier, allowed):
            found = identify_signer(signature, verifier, allowed, _list_moments(signed, now))
        planners = allowed.find_people(signed.plan.planner_key)
        own = frozenset[str]().union(*(allowed.find_same_person(name) for name in planners))
        if isinstance(found, Signer) and _is_program(found.person, approvals, allowed):
            found = Refusal(f"{found.person} is a program (`programs` of the approvals): a person must approve it")
    if isinstance(found, Refusal):
        message = f"{signed}: your approval would be refused: {found.reason}"
        raise PlanNotApproved(message)
    if found.key == signed.plan.planner_key or found.person in own:
        message = f"{signed}: the plan names {signed.plan.planner_key} as its planner's key, which is yours; "
        raise PlanNotApproved(message + "another person must approve it")
    return found


@contextmanager
def _open_verifier(
    signed: SignedPlan, approvals: Approvals, allowed_file: Path
) -> Iterator[tuple[SignatureVerifier, AllowedSigners]]:
    try:
        content = read_trusted_file(allowed_file, _REFUSED)
        revoked = read_trusted_file(approvals.revoked_keys, _REFUSED) if approvals.revoked_keys else None
    except FileNotFoundError as error:
        message = f"{error.filename}: the operators' file names it in `approvals`, and it is missing"
        raise PlanNotApproved(message) from None
    allowed = parse_allowed_signers(content.decode("utf-8", "replace"), str(allowed_file))
    with SignatureVerifier(signed.content, content, revoked) as verifier:
        yield verifier, allowed


def _list_moments(signed: SignedPlan, now: datetime) -> tuple[datetime, ...]:
    """A signature has no time of its own: a key must have been good from the making of the plan until now."""
    return tuple(dict.fromkeys((min(signed.plan.made, now), now)))


def _verify_signatures(
    signed: SignedPlan, approvals: Approvals, allowed_file: Path, now: datetime
) -> tuple[str, tuple[str, ...], AllowedSigners]:
    moments = _list_moments(signed, now)
    with _open_verifier(signed, approvals, allowed_file) as (verifier, allowed):
        planner = _find_planner(signed, verifier, allowed, moments)
        found = list_approvals(signed.path)
        if len(found) > MOST_APPROVALS:
            message = f"{signed}: more than {MOST_APPROVALS} approvals stand beside it"
            raise PlanNotApproved(message)
        approvers = dict.fromkeys(_find_signer(signed, one, verifier, allowed, moments).person for one in found)
    return planner, tuple(approvers), allowed


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature it is, and by which key."""

    person: str
    key: str


def _find_planner(
    signed: SignedPlan, verifier: SignatureVerifier, allowed: AllowedSigners, moments: Iterable[datetime]
) -> str:
    """Return who signed as the planner: the owner of the key that the plan itself names."""
    place = name_signature(signed.path)
    if not (place.exists() or place.is_symlink()):
        return ""
    found, named = _find_signer(signed, place, verifier, allowed, moments), signed.plan.planner_key
    if found.key != named:
        message = f"it is by the key {found.key} of {found.person}, and the plan names "
        raise _refuse(signed, place, message + (f"{named} as its planner's" if named else "no key of its planner"))
    return found.person


def find_refused_approvals(signed: SignedPlan, approvals: Approvals, now: datetime) -> dict[Path, str]:
    """Return the approvals of a plan that are not good now, and why; none where the operators name no signers.

    Raises:
        OperationsRefused: the file of the allowed signers, or of the revoked keys, cannot be trusted.
    """
    if approvals.allowed_signers is None:
        return {}
    moments, refused = _list_moments(signed, now), dict[Path, str]()
    with _open_verifier(signed, approvals, approvals.allowed_signers) as (verifier, allowed):
        for place in list_approvals(signed.path):
            found = _identify_file(place, verifier, allowed, moments)
            if isinstance(found, Refusal):
                refused[place] = found.reason
    return refused


def _find_signer(
    signed: SignedPlan,
    place: Path,
    verifier: SignatureVerifier,
    allowed: AllowedSigners,
    moments: Iterable[datetime],
) -> Signer:
    """Return who made the signature in a file."""
    found = _identify_file(place, verifier, allowed, moments)
    if isinstance(found, Refusal):
        raise _refuse(signed, place, found.reason)
    return found


def _identify_file(
    place: Path, verifier: SignatureVerifier, allowed: AllowedSigners, moments: Iterable[datetime]
) -> Signer | Refusal:
    try:
        signature = read_input_file(place, most_bytes=MOST_SIGNATURE_BYTES)
    except FileNotFoundError:
        return Refusal("it is missing, or a link that leads nowhere")
    return identify_signer(signature, verifier, allowed, moments)


def identify_signer(
    signature: bytes, verifier: SignatureVerifier, allowed: AllowedSigners, moments: Iterable[datetime]
) -> Signer | Refusal:
    """Return whose a signature is among the allowed signers, or why it is nobody's."""
    key = verifier.find_key(signature)
    if isinstance(key, Refusal):
        return key
    people = allowed.find_people(key)
    if not people:
        return Refusal(f"its key {key} is nobody's among the allowed signers")
    reasons = []
    for person in people:
        refusal = verifier.verify(signature, person, moments)
        if refusal is None:
            return Signer(person, key)
        reasons.append(refusal.reason)
    return Refusal("; ".join(reasons))


def _refuse(signed: SignedPlan, place: Path, reason: str) -> PlanNotApproved:
    if not signed.rollout:
        message = f"{place}: the signature is refused: {reason}. Nothing was applied; remove it, or let it be made anew"
        return PlanNotApproved(message)
    named = place.name.removeprefix(f"{signed.path.name}.")
    advice = f"a new approval takes its place: {signed.approve_command}"
    if place == name_signature(signed.path):
        advice = "it is the planner's: cancel the rollout, and start another one from a new plan"
    return PlanNotApproved(f"{signed}: the signature {named} is refused: {reason}. Nothing more was applied; {advice}")


def _is_program(name: str, approvals: Approvals, allowed: AllowedSigners) -> bool:
    """Tell if a signer, under whatever of its names, is a program: it looks at nothing, so it approves nothing."""
    return not allowed.find_same_person(name).isdisjoint(approvals.programs)


def _count(
    signed: SignedPlan, rule: ApprovalRule, planner: str, approvers: Iterable[str], allowed: AllowedSigners
) -> None:
    own = allowed.find_same_person(planner)
    others = list(_list_persons((name for name in approvers if name not in own), allowed))
    if rule.from_ is not None:
        others = [names for names in others if names & set(rule.from_)]
    if len(others) < rule.approvals:
        approved = ", ".join(dict.fromkeys(approvers)) or "nobody"
        message = (
            f"{signed}: {_say_rule(rule, signed)}; approved by: {approved}; planned by {planner}, who does not "
            f"count. Let others approve it with: {signed.approve_command}"
        )
        raise PlanNotApproved(message)


def _list_persons(names: Iterable[str], allowed: AllowedSigners) -> Iterator[frozenset[str]]:
    """Yield each person once, under all names; two keys or two names of one person count once."""
    yield from dict.fromkeys(allowed.find_same_person(name) for name in names)


def _say_rule(rule: ApprovalRule, signed: SignedPlan) -> str:
    schools = len(signed.plan.touched_schools)
    people = f" of {', '.join(rule.from_)}" if rule.from_ else ""
    return f"it touches {schools} schools and needs approvals by {rule.approvals} others{people}"
