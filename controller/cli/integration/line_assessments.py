"""What the store of measurements says of schools' lines, for the commands that plan by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from controller.cli.estates import choose_state_folder
from controller.cli.measurement.report import STORE
from controller.lab.estate import STORE as LAB_STORE
from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.measure.measurement_store import open_measurement_store
from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from controller.operations.operations import Operations


def assess_lines(city: City, operations: Operations, state: Path | None) -> Mapping[str, SchoolAssessment]:
    """Assess the line of each school by its id; empty where nothing was ever measured.

    Raises:
        TsunaguError: the store is there, and cannot be read.
    """
    folder = choose_state_folder(city.estate, operations, state, Path(city.directory))
    file = folder / (LAB_STORE if isinstance(city, VirtualCity) else STORE)
    if not file.exists():
        return {}
    with open_measurement_store(file, must_exist=True) as store:
        latest = store.read_latest()
        return {one.id: assess_school(one, latest, city.measurement) for one in city.estate_schools}
