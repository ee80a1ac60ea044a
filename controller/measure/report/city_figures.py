"""The figures of a ネットワーク整備計画: who has the recommended bandwidth, by ward, and why others do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from controller.measure.assessment.assess import SchoolAssessment, ShortfallCause
from controller.measure.assessment.format_share import format_share
from controller.measure.measurement import Measurement, MeasurementKind
from controller.model.measurement import Assessment


@dataclass(frozen=True)
class AssessmentCounts:
    """Schools by assessment."""

    by_assessment: Mapping[Assessment, int]

    @property
    def schools(self) -> int:
        """All of them, also those that were not measured."""
        return sum(self.by_assessment.values())

    @property
    def measured(self) -> int:
        """Those with a figure."""
        return self.schools - self.by_assessment[Assessment.NOT_MEASURED]

    @property
    def meets(self) -> int:
        """Those that have the recommended bandwidth for certain."""
        return self.by_assessment[Assessment.MEETS]

    @property
    def share(self) -> str:
        """Those that have it, of all, rounded down; one that was not measured does not count as having it.

        Where none was measured there is no share: that nobody looked is no zero.
        """
        return format_share(self.meets, self.schools if self.measured else 0)

    @property
    def share_of_measured(self) -> str:
        """Those that have it, of those that were measured. Rounded down."""
        return format_share(self.meets, self.measured)


@dataclass(frozen=True)
class CityFigures:
    """What a report shows of the schools that it is about."""

    assessments: Sequence[SchoolAssessment]

    @cached_property
    def counts(self) -> AssessmentCounts:
        """All schools."""
        return count_assessments(self.assessments)

    @cached_property
    def wards(self) -> dict[str, AssessmentCounts]:
        """The schools of each ward that has any here, in their order."""
        names = dict.fromkeys(one.school.ward for one in self.assessments)
        return {name: count_assessments([one for one in self.assessments if one.school.ward == name]) for name in names}

    @cached_property
    def measured(self) -> list[SchoolAssessment]:
        """Schools with a figure; the one that lacks most of its recommendation first."""
        found = [
            (one, one.assessed_bandwidth.mbps / one.recommended.mbps)
            for one in self.assessments
            if one.assessed_bandwidth
        ]
        return [one for one, _ in sorted(found, key=lambda pair: pair[1])]

    @cached_property
    def unmeasured(self) -> list[SchoolAssessment]:
        """Schools without a figure."""
        return [one for one in self.assessments if one.assessed_bandwidth is None]

    @cached_property
    def causes(self) -> dict[ShortfallCause, list[SchoolAssessment]]:
        """Schools below their recommendation, by cause; a school may stand at several. An upload may be below alone."""
        return {cause: [one for one in self.assessments if cause in one.causes] for cause in ShortfallCause}

    @cached_property
    def sources(self) -> list[Measurement]:
        """Every throughput and every failure behind the figures, in the order of their numbers."""
        found = {
            one.id: one
            for assessment in self.assessments
            for line in assessment.lines
            for one in (*(bandwidth.measurement for bandwidth in line.bandwidths), *line.failures)
            if one.result.kind in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
        }
        return [found[number] for number in sorted(found)]

    @property
    def in_lessons(self) -> list[Measurement]:
        """Assessed figures that were measured while pupils may have used the line."""
        assessed = (one.assessed_bandwidth.measurement for one in self.assessments if one.assessed_bandwidth)
        return [one for one in assessed if one.in_lessons]


def count_assessments(assessments: Sequence[SchoolAssessment]) -> AssessmentCounts:
    """Schools by assessment."""
    found = Counter(one.assessment for one in assessments)
    return AssessmentCounts({assessment: found[assessment] for assessment in Assessment})
