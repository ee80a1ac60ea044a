"""The device in memory itself: what it keeps, what it does by itself, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import Configuration, Refused
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault


@dataclass
class _Restore:
    """What a run has armed: what to put back, when, and what became of it."""

    owner: str
    text: str
    due: float
    outcome: str = "armed"
    job_lives: bool = True
    armed_at: float = 0.0


@dataclass
class _Hold:
    owner: str
    run: str
    until: float


@dataclass(frozen=True, slots=True)
class ObservedCommand:
    """A command that came, the fault that hit it, and what is true on the device after it.

    `succeeded`: the controller was told that all went well.
    """

    at: float
    verb: str
    words: tuple[str, ...]
    fault: Fault
    succeeded: bool
    running: str
    restore_armed: bool
    locked_by: str


class MemoryDevice:
    """A device: running and startup configuration, the lock, armed restores, and faults that are drawn for it.

    `draw_fault` is asked at every command, with its verb (`open` for a login); put a `FaultScript` there. Without a
    `startup` configuration it boots with what came from the `factory`. While `cannot_put_back` is set, a restore fails.
    """

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        clock: ManualClock,
        *,
        startup: str | None = None,
        factory: str = "",
    ) -> None:
        self.name = name
        self.configuration = configuration
        self.clock = clock
        self.startup = startup
        self.factory = factory
        self.draw_fault: Callable[[str], Fault] = lambda _: NO_FAULT
        self.exchanges: list[ObservedCommand] = []
        self.cannot_put_back = False
        self.logins = 0
        self.starts = 0
        self.guard = RLock()
        self._hold: _Hold | None = None
        self._restores: dict[str, _Restore] = {}
        self._away_until = 0.0

    # --- its truth, for who watches ---

    @property
    def running(self) -> str:
        """What it runs now; a restore that is due has run."""
        self._fire_due()
        return self.configuration.show()

    @property
    def restore_armed(self) -> bool:
        """Whether it would put a state back by itself, sooner or later."""
        self._fire_due()
        return any(one.outcome == "armed" and one.job_lives for one in self._restores.values())

    @property
    def settled(self) -> str:
        """What it will run once every armed restore has fired, if nobody comes in between."""
        self._fire_due()
        armed = [one for one in self._restores.values() if one.outcome == "armed" and one.job_lives]
        return max(armed, key=lambda one: one.due).text if armed else self.configuration.show()

    @property
    def locked_by(self) -> str:
        """The run that holds it, "" when nobody does."""
        self._fire_due()
        return self._hold.run if self._hold and self._hold.until > self.clock.monotonic() else ""

    # --- what happens to it ---

    def restart(self) -> None:
        """Start anew: what was not saved is gone, sessions break, the lock and the jobs of armed restores are gone."""
        self._fire_due()
        self.starts += 1
        self._hold = None
        for one in self._restores.values():
            one.job_lives = False
        self.configuration.load(self.factory if self.startup is None else self.startup)

    def leave(self, seconds: float) -> None:
        """Answer nobody for so long; sessions break."""
        self._away_until = max(self._away_until, self.clock.monotonic() + seconds)

    @property
    def is_away(self) -> bool:
        """Whether it answers nobody now."""
        return self.clock.monotonic() < self._away_until

    def take(self, owner: str, run: str, seconds: float) -> None:
        """Let another controller hold the lock."""
        self._hold = _Hold(owner, run, self.clock.monotonic() + seconds)

    def record(self, verb: str, words: tuple[str, ...], fault: Fault, *, succeeded: bool) -> None:
        """Keep a command in `exchanges`, with what is true after it."""
        self.exchanges.append(
            ObservedCommand(
                at=self.clock.monotonic(),
                verb=verb,
                words=words,
                fault=fault,
                succeeded=succeeded,
                running=self.running,
                restore_armed=self.restore_armed,
                locked_by=self.locked_by,
            )
        )

    # --- what it answers: the words of `own_restore.sh` ---

    def answer(self, verb: str, words: tuple[str, ...], command: Command | None = None) -> str:
        """Carry out a command of the device's own, and give its answer.

        Raises:
            Refused: it is not possible now, or no such command.
        """
        self._fire_due()
        if command is not None:
            (run,) = words
            return self._push(run, command)
        known: dict[tuple[str, int], Callable[..., str]] = {
            ("read", 0): self.configuration.show,
            ("saved", 0): lambda: self.startup or "",
            ("armed", 0): lambda: "yes\n" if self._armed_or_firing() else "no\n",
            ("unconfirmed", 0): self._unconfirmed,
            ("repair", 2): self._repair,
            ("lock", 3): self._lock,
            ("unlock", 2): self._unlock,
            ("arm", 2): self._arm,
            ("cancel", 1): self._cancel,
            ("restored", 1): self._restored,
            ("save", 1): self._save,
        }
        if (verb, len(words)) not in known:
            message = f"usage: no command {verb!r} with {len(words)} words"
            raise Refused(message)
        return known[verb, len(words)](*words)

    def _lock(self, owner: str, run: str, seconds: str) -> str:
        now, hold = self.clock.monotonic(), self._hold
        if hold and hold.until > now and hold.owner != owner:
            return f"busy {hold.owner} {int(hold.until - now)}\n"
        for name, one in self._restores.items():
            if one.outcome == "failed":
                return f"unconfirmed {one.owner} {name} {int(now - one.armed_at)}\n"
            if one.outcome != "armed":
                continue
            if not one.job_lives:
                # Its job is gone with a restart: whoever wants the lock makes up for it first.
                self._fire(one)
            elif one.owner == owner:
                one.due = max(one.due, now + int(seconds))
            else:
                return f"busy {one.owner} {int(one.due - now) + 1}\n"
        self._hold = _Hold(owner, run, now + int(seconds))
        return "held\n"

    def _unlock(self, owner: str, run: str) -> str:
        if self._holds(run) and self._hold and self._hold.owner == owner:
            self._hold = None
            return "free\n"
        return "not-held\n"

    def _arm(self, run: str, seconds: str) -> str:
        hold = self._hold
        if not hold or hold.run != run or hold.until <= self.clock.monotonic():
            message = f"run {run} does not hold the lock"
            raise Refused(message)
        if run in self._restores:
            message = f"run {run} has armed or cancelled a restore before"
            raise Refused(message)
        inherited = [one for one in self._restores.values() if one.outcome == "armed" and one.owner == hold.owner]
        text = inherited[-1].text if inherited else self.configuration.show()
        self._supersede(run)
        now = self.clock.monotonic()
        self._restores[run] = _Restore(hold.owner, text, now + int(seconds), armed_at=now)
        return "armed\n"

    def _push(self, run: str, command: Command) -> str:
        if not self._holds(run):
            message = f"late: run {run} does not hold the lock any more; nothing was changed"
            raise Refused(message)
        armed = self._restores.get(run)
        if armed is None or armed.outcome != "armed" or not armed.job_lives:
            message = "late: the restore fired before the change was pushed; nothing was changed"
            raise Refused(message)
        return self.configuration.execute(command)

    def _cancel(self, run: str) -> str:
        if self._holds(run) and self._hold:
            one = self._restores.setdefault(run, _Restore(self._hold.owner, "", 0.0, "cancelled"))
            if one.outcome == "armed":
                one.outcome = "cancelled"
            if one.outcome == "cancelled":
                self._supersede(run)
        known = self._restores.get(run)
        return "cancelled\n" if known and known.outcome == "cancelled" else "late\n"

    def _restored(self, run: str) -> str:
        outcome = self._restores[run].outcome if run in self._restores else ""
        return {"restored": "yes\n", "superseded": "superseded\n", "failed": "failed\n"}.get(outcome, "no\n")

    def _unconfirmed(self) -> str:
        now = self.clock.monotonic()
        told = [
            f"{one.outcome} {'lives' if one.job_lives else 'gone'} {one.owner} {name} "
            f"{int(now - one.armed_at)} {int(one.due - now)}\n"
            for name, one in sorted(self._restores.items())
            if one.outcome in ("armed", "failed")
        ]
        return "".join(told) or "no\n"

    def _repair(self, run: str, what: str) -> str:
        one = self._restores.get(run)
        if one is None or one.outcome not in ("armed", "failed"):
            message = f"run {run} has nothing that is unconfirmed"
            raise Refused(message)
        left = int(one.due - self.clock.monotonic())
        if one.outcome == "armed" and one.job_lives and left > 0:
            message = f"run {run} may still confirm its change, for {left} s; wait"
            raise Refused(message)
        if what == "back":
            if self.cannot_put_back:
                message = "the old state could not be put back"
                raise Refused(message)
            self.configuration.load(one.text)
        one.outcome = "restored" if what == "back" else "kept"
        if self._hold and self._hold.owner == one.owner:
            self._hold = None
        return f"{one.outcome}\n"

    def _save(self, run: str) -> str:
        if not self._holds(run):
            message = f"run {run} does not hold the lock; nothing was saved"
            raise Refused(message)
        self.startup = self.configuration.show()
        return "saved\n"

    # --- its own work ---

    def _holds(self, run: str) -> bool:
        # A hold that has run out still counts while nobody else has taken the lock: that harms nobody.
        return self._hold is not None and self._hold.run == run

    def _supersede(self, run: str) -> None:
        for name, one in self._restores.items():
            if name != run and one.outcome == "armed" and self._hold and one.owner == self._hold.owner:
                one.outcome = "superseded"

    def _armed_or_firing(self) -> bool:
        return any(one.outcome == "armed" for one in self._restores.values())

    def _fire_due(self) -> None:
        for one in self._restores.values():
            if one.outcome == "armed" and one.job_lives and one.due <= self.clock.monotonic():
                self._fire(one)

    def _fire(self, one: _Restore) -> None:
        if self.cannot_put_back:
            # The device tries for two minutes; here that takes no time.
            one.outcome = "failed"
            return
        one.outcome = "restored"
        if self._hold and self._hold.owner == one.owner:
            self._hold = None
        self.configuration.load(one.text)
