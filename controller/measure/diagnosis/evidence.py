"""What a diagnosis is made from: figures with the numbers of their measurements, and what devices count.

Everything may be missing. None is "nobody looked", never "well".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.measure.measurement import MeasurementId
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName


class Answer(StrEnum):
    """How who was asked behaved: an answer, a refusal (the machine is there, the service is not), or silence."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure (or only how it was answered), and the measurements that it comes from."""

    answer: Answer
    value: float | None = None
    measurements: tuple[MeasurementId, ...] = ()


@dataclass(frozen=True, slots=True)
class LossReading:
    """Of `sent` packets `lost` did not arrive."""

    lost: int
    sent: int
    measurements: tuple[MeasurementId, ...] = ()


@dataclass(frozen=True, slots=True)
class PathEvidence:
    """What was seen over one line to one region in one family.

    `path_mtu` is the largest packet that came through, `swallowed` the smallest that vanished without a word.
    `held_back_by_loss`: a test of throughput whose figure the loss of packets explains, by TCP's own count.
    """

    line: AccessLineName
    region: str
    family: Family
    echo: Reading | None = None
    loss: LossReading | None = None
    held_back_by_loss: LossReading | None = None
    path_mtu: Reading | None = None
    swallowed: Reading | None = None
    download: Reading | None = None
    upload: Reading | None = None
    dns: Reading | None = None
    http: Reading | None = None

    @property
    def alive(self) -> bool | None:
        """Whether anybody was heard over it; None where nobody was asked.

        >>> echo = Reading(Answer.SILENT)
        >>> PathEvidence("primary", "tokyo", Family.V4, echo=echo).alive
        False
        >>> PathEvidence("primary", "tokyo", Family.V4, echo=echo, dns=Reading(Answer.REFUSED)).alive
        True
        """
        asked = [one for one in (self.echo, self.dns, self.http, self.download, self.upload) if one is not None]
        if any(one.answer is not Answer.SILENT for one in asked):
            return True
        # A service that does not answer says nothing of the line: only an echo that is lost does.
        return False if self.echo is not None else None


@dataclass(frozen=True, slots=True)
class RouterReadings:
    """What the school's router counts, where somebody could read it; `source` says how it was read.

    `lan_port_mbps` is the speed that its port to the switch agreed on.
    """

    lan_port_mbps: float | None = None
    translations: int | None = None
    most_translations: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class OutsideReadings:
    """What is known from elsewhere than the school's own probe.

    `carried_by_region`: the best download that any other school of the same round had from a region. `device_mbps`: a
    download that a person measured on a pupil's device (簡易帯域測定).
    """

    router: RouterReadings = field(default_factory=RouterReadings)
    carried_by_region: Mapping[str, float] = field(default_factory=dict)
    device_mbps: float | None = None


@dataclass(frozen=True, slots=True)
class SchoolEvidence:
    """All that is known of a school at one time.

    `expected_mbps`: what each line has to carry (the contract less headers, or the recommendation where that is
    less), with the method's error taken off; `expected_upload_mbps`: the same of the upload, of which less is
    recommended. `groups`: what it shares with others, as ward and carrier.
    """

    school: str
    assessed_line: AccessLineName
    recommended_mbps: float
    contract_mbps: Mapping[AccessLineName, float]
    expected_mbps: Mapping[AccessLineName, float]
    expected_upload_mbps: Mapping[AccessLineName, float]
    paths: tuple[PathEvidence, ...]
    outside: OutsideReadings = field(default_factory=OutsideReadings)
    groups: Mapping[str, str] = field(default_factory=dict)

    def of_line(self, line: AccessLineName) -> tuple[PathEvidence, ...]:
        """The paths over one of its lines."""
        return tuple(one for one in self.paths if one.line == line)

    @property
    def lines(self) -> tuple[AccessLineName, ...]:
        """The lines that anything is known of."""
        return tuple(dict.fromkeys(one.line for one in self.paths))
