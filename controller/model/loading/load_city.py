"""From a folder of YAML to a City; all that is wrong with it at once, each with file, line and field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from controller.errors import Origin, PolicyError, Problem
from controller.model import policy_files
from controller.model.city import City
from controller.model.loading.access_choices import find_access_problems
from controller.model.loading.access_lines import find_access_line_problems
from controller.model.loading.addressing import find_addressing_problems, find_family_problems
from controller.model.loading.bounds import find_bound_problems
from controller.model.loading.enforcement import find_enforcement_problems
from controller.model.loading.integration import find_integration_problems
from controller.model.loading.inventory import find_inventory_problems, find_management_problems
from controller.model.loading.own_segments import find_own_segment_problems
from controller.model.loading.place_meanings import find_place_problems, name_places_by_meaning
from controller.model.loading.policy_reader import PolicyReader
from controller.model.loading.quarantines import find_quarantine_problems
from controller.model.loading.references import find_dangling_references
from controller.model.loading.uniqueness import find_copied_files, find_duplicates
from controller.model.loading.wireless import find_wireless_problems
from controller.model.policy_bounds import PolicyBounds
from controller.model.policy_files import POLICY_FILES, PolicyFile
from controller.model.yaml_source import REFUSED

BOUNDS = PolicyBounds()
_FOLDERS = ("access", "city")
"""Folders that every policy has."""


def load_city(  # noqa: PLR0913 what a reader may ask for, each by its name
    directory: Path,
    *,
    undeployed: bool = False,
    on: date | None = None,
    instead: Mapping[str, Path] | None = None,
    shown_as: str | None = None,
    table: tuple[PolicyFile[BaseModel], ...] = POLICY_FILES,
    estate: type[City] = City,
    bounds: PolicyBounds = BOUNDS,
) -> City:
    """Load `policies/`.

    Args:
        directory: the folder that holds city/, access/ and measurement.yaml.
        undeployed: accept cloud applications that the stack's outputs do not hold yet; they have no addresses then.
            Only the stack that is about to make them asks so.
        on: the day that the policy is meant for; expired exceptions are not in force then. Left out: today, city time.
        instead: files that stand in for some of the folder's, by the name from the folder on (`access/rules.yaml`).
        shown_as: what messages call the folder.
        table: the kinds of files that there are.
        estate: which devices stand for the schools: the real ones (`City`), or a virtual city's (`VirtualCity`).
        bounds: how wide the policy may be by the operators' file; left out: by its defaults.

    Raises:
        PolicyError: with every problem of every file.
    """
    if not directory.is_dir():
        found = "is a file, not a folder" if directory.exists() else "no such folder"
        message = f"{found}; --policies DIR names the folder that holds city/ and access/"
        raise PolicyError(REFUSED, [Problem(Origin(str(directory), 1), "", message)])
    _refuse_other_folder(directory)
    reader = PolicyReader(directory, instead or {}, shown_as or str(directory), table)
    policy = reader.read()
    copies = find_copied_files(policy)
    if reader.unread or copies:
        # What is missing because of them is no cause of its own.
        raise PolicyError(REFUSED, [*reader.problems, *copies])
    problems = [*reader.problems, *find_duplicates(policy), *find_dangling_references(policy, undeployed=undeployed)]
    problems += [*find_wireless_problems(policy), *find_access_problems(policy), *find_own_segment_problems(policy)]
    settings = policy.find(policy_files.CITY)
    day = on or datetime.now(UTC).astimezone(ZoneInfo(settings.timezone) if settings else UTC).date()
    problems += [*find_inventory_problems(policy), *find_place_problems(policy)]
    problems += find_integration_problems(policy, day)
    if not problems:
        values = name_places_by_meaning(policy.values)
        said = (reader.shown_as, reader.digest.hexdigest(), day, values, bounds)
        city = City(*said)
        # Addresses can be worked out only where every family that is used has its parts.
        problems = find_family_problems(city, reader.find_origin)
        if not problems:
            problems = [*find_addressing_problems(city, reader.find_origin), *find_enforcement_problems(city)]
            problems += find_management_problems(city)
            problems += find_bound_problems(city, bounds, reader.find_origin)
            problems += find_access_line_problems(city)
            loaded = city if estate is City else estate(*said)
            problems += find_quarantine_problems(city, loaded)
            if not problems:
                return loaded
    raise PolicyError(REFUSED, problems)


def _refuse_other_folder(directory: Path) -> None:
    """Refuse a folder without the policy's own folders, in one sentence instead of one for each missing file.

    Raises:
        PolicyError: names the folder that was most likely meant.
    """
    missing = [name for name in _FOLDERS if not (directory / name).is_dir()]
    if not missing:
        return
    there = sorted(directory.iterdir())
    message = f"holds no {' and no '.join(f'{name}/' for name in missing)}"
    alike = [one.name for one in there if one.name.lower().strip(" .") in missing]
    near = [one for one in (*directory.parents, *there) if all((one / name).is_dir() for name in _FOLDERS)]
    if alike:
        message += f"; rename {alike[0]}/ to {alike[0].lower().strip(' .')}/"
    elif near:
        message += f"; did you mean --policies {near[0]}?"
    else:
        message += "; --policies DIR names the folder that holds city/ and access/"
    raise PolicyError(REFUSED, [Problem(Origin(str(directory), 1), "", message)])
