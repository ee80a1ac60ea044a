"""How the guideline's clauses stand, told to the monitor by `tsunagu prove`: counts by state, and of which policy."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.errors import TsunaguError
from controller.model.city import City
from controller.prove.check import Check
from controller.prove.compliance.guideline import check_guideline
from controller.telemetry.otlp import open_telemetry
from controller.telemetry.registry import CLAUSE, GUIDELINE_CLAUSES, GUIDELINE_POLICY_HASH, Writer
from controller.telemetry.traces.phases import list_configured_signals
from controller.telemetry.units import shorten_digest


def count_clauses(checks: Iterable[Check]) -> Mapping[str, int]:
    """How many clauses hold, differ, and are not judged; one that differs does so also where it is judged in part.

    >>> count_clauses([Check("a", 1), Check("b", 1, ("x",), not_judged="y"), Check("c", 0, not_judged="y")])
    {'holds': 1, 'differs': 1, 'not-judged': 1}
    """
    found = Counter("differs" if one.differences else "not-judged" if one.not_judged else "holds" for one in checks)
    return {state: found[state] for state in CLAUSE.values}


def send_guideline(city: City, policies: Path) -> None:
    """Tell the monitor, where there is one; what keeps that off is logged, and changes no proof."""
    if not list_configured_signals():
        return
    counts = count_clauses(check_guideline(city))
    try:
        with open_telemetry(token=find_token_file(Writer.CONTROLLER, policies)) as sent:
            for state, count in counts.items():
                sent.record(GUIDELINE_CLAUSES, count, **{CLAUSE.name: state})
            sent.record(GUIDELINE_POLICY_HASH, shorten_digest(city.digest))
    except (TsunaguError, OSError) as error:
        logging.getLogger("tsunagu").warning("the state of the guideline was not told to the monitor: %s", error)
