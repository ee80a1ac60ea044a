"""The errors of Tsunagu: a short tree; each says what was expected and what to do, and carries its policy.

`temporary` tells a caller whether trying again later, without changing anything, can help.
The command line turns any of them into one clear message; a traceback is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.exit_codes import Exit


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where something was written: a file as the user named it, and a line counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in an input: where, which field (may be empty), and what is allowed instead."""

    origin: Origin
    field: str
    message: str

    def __str__(self) -> str:
        field = f" {self.field}:" if self.field else ""
        return f"{self.origin}:{field} {self.message}"


class TsunaguError(Exception):
    """Any refusal that a user can understand and act on."""

    temporary = False
    exit_code = Exit.FAILED


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of work; its text says what was left behind."""


class InputError(TsunaguError):
    """Files that cannot be used as they are; all their problems at once, in the order of file and line."""

    def __init__(self, what: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{what}\n{lines}")


class InputRefused(TsunaguError):
    """A file from outside is not read: it is no regular file, leads out of its folder, is too large, or no text."""

    def __init__(self, path: Path, why: str, line: int = 1) -> None:
        self.path = path
        self.why = why
        self.line = line
        super().__init__(f"{path}:{line}: {why}")


class PolicyError(InputError):
    """The policies cannot be loaded."""


class OperationsRefused(InputError):
    """The operators' file, or a file that it names, cannot be trusted or does not hold what it must."""


class AnchorWidened(TsunaguError):
    """A policy is wider than the one that was applied last in what proofs take for granted; names what accepts it."""


class ConfigRefused(InputError):
    """A device's configuration holds something inside what we own that is not understood, or a conflict."""


class BeyondCapability(TsunaguError):
    """A platform cannot enforce a part of the policy, and nothing further up does; names the capability."""


class PlatformIncomplete(TsunaguError):
    """A platform from an installed package cannot be used: a part of it is not there; names the class and the file."""


class PlanRefused(TsunaguError):
    """A saved plan is damaged, from another city or policy, or says something else than the policy leads to."""


class PlanExpired(PlanRefused):
    """A plan is too old to begin with, or an exception that it permits has expired; names it, and its last day."""


class PlanNotApproved(PlanRefused):
    """A signature of a plan is not good, or too few others approved it; names the file, the person, the rule."""


class RolloutRefused(TsunaguError):
    """A rollout cannot be begun, resumed or changed as asked; names it, and says what stands in the way."""


class RolloutKept(TsunaguError):
    """A rollout is kept, and so has begun, and its start went wrong behind that: workers, or a resumption, go on."""

    def __init__(self, rollout: str, why: BaseException) -> None:
        self.rollout = rollout
        self.temporary = isinstance(why, TsunaguError) and why.temporary
        told = str(why)
        super().__init__(
            told
            if rollout in told
            else f"the rollout {rollout} has begun, and goes on with: tsunagu rollout resume {rollout}; {told}"
        )


class ProofFailed(TsunaguError):
    """A rendered filter is not what the policy says; nothing was saved or applied."""


class DeviceError(TsunaguError):
    """Something went wrong on one device; names it, and the command where there was one."""

    def __init__(self, device: str, message: str, *, command: str = "") -> None:
        self.device = device
        self.command = command
        during = f" (command: {command})" if command else ""
        super().__init__(f"{device}: {message}{during}")


class DeviceUnreachable(DeviceError):
    """No answer from the device: a closed port, a dead line, a session that broke."""

    temporary = True


class DeviceBusy(DeviceError):
    """Another change holds the device's lock."""

    temporary = True


class DeviceUnconfirmed(DeviceError):
    """The device runs a change that nobody confirmed and that it did not put back; names the command that repairs it.

    >>> print(DeviceUnconfirmed("s1", "its restore failed", 75))
    s1: in an unconfirmed state for 1 min 15 s: its restore failed; repair: tsunagu repair s1
    """

    def __init__(self, device: str, why: str, age: int) -> None:
        minutes, seconds = divmod(age, 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
        long = " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
        message = f"in an unconfirmed state for {long}: {why}; repair: tsunagu repair {device}"
        super().__init__(device, message)


class HostKeyRefused(DeviceError):
    """The device showed a host key that is not the pinned one, or none is pinned."""


class LoginRefused(DeviceError):
    """The device did not accept the credentials, or their reference cannot be resolved."""


class CredentialsRejected(LoginRefused):
    """The device's own server answered that it does not take the credential: proof that this login does not work."""


class CommandFailed(DeviceError):
    """The device answered a command with an error."""


class AlgorithmsRefused(DeviceError):
    """The device offers old SSH algorithms only; names them, and the line of the operators' file that allows them."""


class DeviceTextRefused(DeviceError):
    """The device's text is larger than any configuration, or does not end; the session was closed."""


class StaleDevice(DeviceError):
    """The device is in none of the states that the plan knows."""


class CloudError(TsunaguError):
    """The Pulumi engine cannot be had or ended badly, or a stack is not as a command needs it."""


class LabError(TsunaguError):
    """The virtual city cannot be built, found or changed."""


class StoreRefused(TsunaguError):
    """A file cannot be used as the store that it is named as; it was left as it is."""


class StoreDamaged(StoreRefused):
    """A store of this program's own is damaged or cut short."""


class BackupRefused(TsunaguError):
    """A backup cannot be made, read or put back; names the file, and what in it is not as it must be."""


class RestoreRefused(TsunaguError):
    """A device cannot be brought back whole; names each line, secret or part that stands in the way."""


class RotationRefused(TsunaguError):
    """A device's login cannot be rotated; says what is in the way, and never a secret."""


class DaemonRefused(TsunaguError):
    """The daemon does not begin, or a plan of its own is not rolled out; says why."""


class DrillRefused(TsunaguError):
    """A drill does not begin, or its record cannot be kept or read; says why."""


class FileLocked(TsunaguError):
    """Another process holds the lock of a file or folder; `holder` is its number, where it is known."""

    temporary = True

    def __init__(self, path: Path, holder: int | None) -> None:
        self.path = path
        self.holder = holder
        super().__init__(f"{path}: {self.held_by} holds it; wait for its end, then try again")

    @property
    def held_by(self) -> str:
        """Who holds it, for a message."""
        return f"process {self.holder}" if self.holder is not None else "another process"


class MonitorError(TsunaguError):
    """The monitor cannot start: its port, its store or its rules are not usable."""


class TokenRefused(TsunaguError):
    """The file of a sender's token cannot be used: it is missing, open to others, or holds no token."""


class AuditRefused(TsunaguError):
    """The audit trail cannot be written or read: nothing is done that it could not show."""


class AuditHeadRefused(AuditRefused):
    """The copy of the head knows another audit trail than the one that stands here: nothing is added to it."""
