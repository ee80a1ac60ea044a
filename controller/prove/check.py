"""A named check of the proof: what was examined, what was found, and what shows that it holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One check. Without `differences` it holds, unless `not_judged` says why nothing can be said, or not all.

    `examined` counts what was looked at (the check's own things: pairs, rows); `evidence` is for auditors.
    """

    name: str
    examined: int
    differences: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    not_judged: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether it was judged and nothing was found."""
        return not self.differences and not self.not_judged


def join_checks(checks: list[Check]) -> list[Check]:
    """Checks of the same name as one, in the order of their first: a city's out of its schools'.

    >>> join_checks([Check("paths", 3), Check("paths", 4, ("a difference",))])
    [Check(name='paths', examined=7, differences=('a difference',), evidence=(), not_judged='')]
    """
    found: dict[str, list[Check]] = {}
    for check in checks:
        found.setdefault(check.name, []).append(check)
    return [
        Check(
            name,
            sum(check.examined for check in same),
            tuple(difference for check in same for difference in check.differences),
            tuple(dict.fromkeys(shown for check in same for shown in check.evidence)),
            "; ".join(dict.fromkeys(check.not_judged for check in same if check.not_judged)),
        )
        for name, same in found.items()
    ]
