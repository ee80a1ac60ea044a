"""The figures of a ネットワーク整備計画: who has the recommended bandwidth, by ward, and why others do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from controller.measure.assessment.assess import Cause, SchoolJudgement, Verdict
from controller.measure.assessment.shares import percent
from controller.measure.measurement import Kind, Measurement


@dataclass(frozen=True)
class Counts:
    """Schools by verdict."""

    by_verdict: Mapping[Verdict, int]

    @property
    def schools(self) -> int:
        """All of them, also those that were not measured."""
        return sum(self.by_verdict.values())

    @property
    def measured(self) -> int:
        """Those with a figure."""
        return self.schools - self.by_verdict[Verdict.NOT_MEASURED]

    @property
    def meets(self) -> int:
        """Those that have the recommended bandwidth for certain."""
        return self.by_verdict[Verdict.MEETS]

    @property
    def share(self) -> str:
        """Those that have it, of all, rounded down; one that was not measured does not count as having it.

        Where none was measured there is no share: that nobody looked is no zero.
        """
        return percent(self.meets, self.schools if self.measured else 0)

    @property
    def share_of_measured(self) -> str:
        """Those that have it, of those that were measured. Rounded down."""
        return percent(self.meets, self.measured)


@dataclass(frozen=True)
class Figures:
    """What a report shows of the schools that it is about."""

    judgements: Sequence[SchoolJudgement]

    @cached_property
    def counts(self) -> Counts:
        """All schools."""
        return counted(self.judgements)

    @cached_property
    def wards(self) -> dict[str, Counts]:
        """The schools of each ward that has any here, in their order."""
        names = dict.fromkeys(one.school.ward for one in self.judgements)
        return {name: counted([one for one in self.judgements if one.school.ward == name]) for name in names}

    @cached_property
    def measured(self) -> list[SchoolJudgement]:
        """Schools with a figure; the one that lacks most of its recommendation first."""
        found = [(one, one.judged.mbps / one.recommended.mbps) for one in self.judgements if one.judged]
        return [one for one, _ in sorted(found, key=lambda pair: pair[1])]

    @cached_property
    def unmeasured(self) -> list[SchoolJudgement]:
        """Schools without a figure."""
        return [one for one in self.judgements if one.judged is None]

    @cached_property
    def causes(self) -> dict[Cause, list[SchoolJudgement]]:
        """Schools below their recommendation, by cause; a school may stand at several."""
        below = [one for one in self.judgements if one.verdict is Verdict.BELOW]
        return {cause: [one for one in below if cause in one.causes] for cause in Cause}

    @cached_property
    def sources(self) -> list[Measurement]:
        """Every throughput and every failure behind the figures, in the order of their numbers."""
        found = {
            one.id: one
            for judgement in self.judgements
            for line in judgement.lines
            for one in (*(bandwidth.measurement for bandwidth in line.bandwidths), *line.failures)
            if one.found.kind in (Kind.DOWNLOAD, Kind.UPLOAD)
        }
        return [found[number] for number in sorted(found)]

    @property
    def in_lessons(self) -> list[Measurement]:
        """Judged figures that were measured while pupils may have used the line."""
        judged = (one.judged.measurement for one in self.judgements if one.judged)
        return [one for one in judged if one.in_lessons]


def counted(judgements: Sequence[SchoolJudgement]) -> Counts:
    """Schools by verdict."""
    found = Counter(one.verdict for one in judgements)
    return Counts({verdict: found[verdict] for verdict in Verdict})
