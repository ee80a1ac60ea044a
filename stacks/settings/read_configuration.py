"""Reads a stack's configuration: every key known, every key there and read; refusals name file, line and what to write.

What the keys mean stands in `stacks.settings.configuration`, and what an older format was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controller.errors import InputError, Origin, PolicyError, Problem
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import LONGEST_MESSAGE, shorten_text, shorten_value
from controller.model.likely_mistakes.values import explain_value
from controller.model.yaml_source import Document, Location, read_yaml
from stacks.settings.configuration import BY_REGION, FORMAT, NamedConfiguration, StackConfiguration
from stacks.settings.deployed_record import DeployedResource
from stacks.settings.one_way_values import find_one_way_problems
from stacks.settings.production_problems import PRODUCTION
from stacks.settings.region_problems import PlacedStack, RegionProblem, find_country_problems, find_region_problems
from stacks.settings.setting_problems import find_overlaps, find_pair_problems, find_setting_problems
from stacks.unverified import find_unverified_problems

Named = TypeVar("Named", bound=NamedConfiguration)
PROJECT = Path(__file__).resolve().parents[2]
GIVEN_FILE = "--config-file"
"""How refusals call a file that the engine was given in place of the stack's own."""
NAMESPACE = "tsunagu:"
_ENGINE_NAMESPACE = "pulumi:"
_KEYS_OF_THE_ENGINE = frozenset({"config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider"})
"""What the engine itself reads at the top of a stack's file."""
_LONGEST_FORMAT = 9
"""Digits of a number that can be a format's."""
_OLD_DATABASE = "database"
"""Where format 1 had the stack's one database."""


_OF_A_KEY = "[key]"
"""How pydantic calls the place of a key that is wrong itself."""
_FAULTS: Mapping[str, str] = {
    "dict_type": "needs keys of its own: {KEY: VALUE}",
    "extra_forbidden": "unknown key",
    "missing": "required key is missing",
    "model_type": "needs keys of its own: {KEY: VALUE}",
    "tuple_type": "needs a list: [ONE, ANOTHER]",
}
"""What is wrong, by pydantic's word for it."""


class ConfigurationRefused(InputError):
    """A stack's configuration cannot be used as it is."""


def choose_named_file(values: Mapping[str, str], file: Path) -> Path:
    """Return the file that refusals name: the stack's, unless the engine was given another one.

    The engine does not say which; lines of a file that says something else would lead astray.
    """
    given = _compare_values({key: _parse_value(text) for key, text in values.items()})
    return file if _Lines(file).list_values() == given else Path(GIVEN_FILE)


def parse_stack_configuration(stack: str, values: Mapping[str, str], file: Path) -> StackConfiguration:
    """Return the configuration of a stack from the values that the engine hands over.

    Args:
        stack: the stack's name; its configuration must be for that environment.
        values: all configuration by full key, objects as JSON, as in the engine's environment.
        file: the stack's file; it gives refusals their lines.

    Raises:
        ConfigurationRefused: keys are missing, unknown, of another format or wrong; all of them at once.
    """
    return parse_named_configuration(StackConfiguration, stack, values, file, _find_stack_problems)


def _find_stack_problems(loaded: StackConfiguration) -> Iterator[RegionProblem]:
    regions = [*find_region_problems(loaded)]
    yield from regions
    yield from find_setting_problems(loaded)
    yield from find_unverified_problems(loaded.unverified, production=loaded.environment == PRODUCTION)
    if not regions:
        yield from find_pair_problems(loaded)


def find_stack_configuration(stack: str, file: Path) -> StackConfiguration:
    """Return the configuration that a stack's file holds, where no engine hands it over.

    Raises:
        PolicyError: the file cannot be read, or is no YAML.
        ConfigurationRefused: what it holds is refused.
    """
    read_yaml(file, str(file))
    return parse_stack_configuration(stack, _Lines(file).list_values(), file)


def parse_named_configuration(
    model: type[Named],
    stack: str,
    values: Mapping[str, str],
    file: Path,
    find_problems: Callable[[Named], Iterable[RegionProblem]],
) -> Named:
    """Return a configuration of this model; `find_problems` judges how its settings fit one another.

    The other arguments are those of `parse_stack_configuration`.

    Raises:
        ConfigurationRefused: keys are missing, unknown, of another format or wrong; all of them at once.
    """
    given: dict[str, object] = {
        key.removeprefix(NAMESPACE): _parse_value(text) for key, text in values.items() if key.startswith(NAMESPACE)
    }
    lines = _Lines(file)
    what = f"The configuration of stack {stack!r} is refused:"
    problems = [*_find_format_problems(given, lines)]
    if _parse_format(given) > FORMAT:
        # What the other keys mean is for a newer release to say.
        raise ConfigurationRefused(what, problems)
    problems += [*_find_old_database(given, lines), *_find_unread_keys(values, lines)]
    problems += [
        _locate((place, "the key has no value: write one, or remove the key"), lines) for place in _list_empty(given)
    ]
    known = {key: value for key, value in given.items() if key != _OLD_DATABASE}
    try:
        loaded = model.model_validate({**known, "format": FORMAT})
    except ValidationError as error:
        # What has no value is said already.
        wrong = [one for one in error.errors() if one["input"] is not None or one["type"] == "missing"]
        problems += [_describe_error(details, lines) for details in wrong]
        raise ConfigurationRefused(what, problems) from None
    if loaded.environment != stack:
        message = f"this is the configuration of {loaded.environment!r}; the stack is {stack!r}"
        problems.append(Problem(lines.find_origin("environment"), "environment", message))
    problems += [_locate(problem, lines) for problem in dict.fromkeys(find_problems(loaded))]
    if problems:
        raise ConfigurationRefused(what, problems)
    return loaded


def refuse_one_way_changes(configured: StackConfiguration, deployed: Sequence[DeployedResource], file: Path) -> None:
    """Refuse a configuration that what is deployed cannot be brought to any more.

    Raises:
        ConfigurationRefused: it asks for such a change; all of them at once.
    """
    lines = _Lines(file)
    problems = [_locate(problem, lines) for problem in dict.fromkeys(find_one_way_problems(configured, deployed))]
    if problems:
        what = f"The configuration of stack {configured.environment!r} cannot be deployed over what is there:"
        raise ConfigurationRefused(what, problems)


def find_location_problems(configured: PlacedStack, country: str, file: Path) -> list[Problem]:
    """Return where a stack would keep things outside the city's country."""
    lines = _Lines(file)
    return [_locate(problem, lines) for problem in find_country_problems(configured, country)]


def find_overlap_problems(
    configured: StackConfiguration, used: Mapping[str, Iterable[IPv4Network]], file: Path
) -> list[Problem]:
    """Return ranges of the VPC that are in use; `used` gives the city's ranges by whose they are."""
    lines = _Lines(file)
    return [_locate(problem, lines) for problem in find_overlaps(configured, used)]


def locate_problems(problems: Iterable[RegionProblem], file: Path) -> list[Problem]:
    """Return problems with the lines of the stack's file that they are about."""
    lines = _Lines(file)
    return [_locate(problem, lines) for problem in problems]


def find_application_problems(
    configured: StackConfiguration, audiences: Mapping[str, str], file: Path
) -> list[Problem]:
    """Return where configuration and policy do not speak of the same applications, or of the same public one.

    `audiences` gives the audience of each cloud application of the policy, by id.
    """
    lines = _Lines(file)
    origin = lines.find_origin("applications")
    missing = [
        Problem(origin, f"applications.{name}", "the policy has this application; say where it is hosted")
        for name in audiences
        if name not in configured.applications
    ]
    unknown = [
        Problem(
            lines.find_origin("applications", name),
            f"applications.{name}",
            "the policy has no such cloud application",
        )
        for name in configured.applications
        if name not in audiences
    ]
    public = [name for name, audience in audiences.items() if audience == "public"]
    opened = [
        Problem(origin, "public", f"the policy opens {name!r} to everybody; name it here, or change its audience")
        for name in public
        if name != configured.public
    ]
    if configured.public and configured.public not in public:
        message = f"the policy does not open {configured.public!r} to everybody"
        opened.append(Problem(lines.find_origin("public"), "public", message))
    return [*missing, *unknown, *opened]


def _parse_format(given: Mapping[str, object]) -> int:
    """The number of the format; 1 where none is written, 0 where it is no number."""
    text = str(given.get("format", 1))
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_FORMAT else 0


def _find_format_problems(given: Mapping[str, object], lines: _Lines) -> Iterator[Problem]:
    origin, number = lines.find_origin("format"), _parse_format(given)
    if number > FORMAT:
        message = (
            f"the file is of format {number}; this release of Tsunagu reads formats up to {FORMAT}. "
            "Install the release that wrote it, or a newer one"
        )
        yield Problem(origin, "format", message)
    elif "format" not in given:
        message = (
            f"required key is missing, so the file is of format 1, and this release reads format {FORMAT}: "
            f'run `tsunagu migrate --write`, or write `{NAMESPACE}format: "{FORMAT}"` and what else is named here'
        )
        yield Problem(origin, "format", message)
    elif number != FORMAT:
        message = (
            f"{shorten_value(given['format'])} is not the format that this release reads: "
            f'run `tsunagu migrate --write`, or write `{NAMESPACE}format: "{FORMAT}"` and what else is named here'
        )
        yield Problem(origin, "format", message)


def _find_old_database(given: Mapping[str, object], lines: _Lines) -> Iterator[Problem]:
    """The one database of format 1: refused with the line that says the same at its application."""
    if _OLD_DATABASE not in given:
        return
    dumped = yaml.safe_dump(given[_OLD_DATABASE], default_flow_style=True, width=10_000, sort_keys=False)
    applications = given.get("applications")
    candidates = [
        name
        for name, one in (applications.items() if isinstance(applications, Mapping) else ())
        if isinstance(one, Mapping)
        and isinstance(one.get("hosting"), Mapping)
        and one["hosting"].get("kind") == "cloud-run"
    ]
    message = (
        "nothing reads it: a database stands at its application. Run `tsunagu migrate --write`, or write under "
        f"`{NAMESPACE}applications: <id>:` ({', '.join(candidates) or 'one that runs on Cloud Run'}) the line "
        f"`database: {dumped.strip()}` and remove this one"
    )
    yield Problem(lines.find_origin(_OLD_DATABASE), _OLD_DATABASE, message)


def _list_empty(value: object, place: Location = ()) -> Iterator[Location]:
    """The places of keys with nothing behind them: `database:` whose lines are gone would let go of a database."""
    if value is None:
        yield place
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _list_empty(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _list_empty(item, (*place, number))


def _find_unread_keys(values: Mapping[str, str], lines: _Lines) -> Iterator[Problem]:
    """Keys of another namespace, and keys outside `config`: the program would never see them."""
    for key in values:
        if not key.startswith((NAMESPACE, _ENGINE_NAMESPACE)):
            message = f"nothing reads this key; those of a stack begin with {NAMESPACE!r}"
            yield Problem(lines.find_key("config", key), key, message)
    for key in lines.list_top_keys():
        if key not in _KEYS_OF_THE_ENGINE:
            yield Problem(lines.find_key(key), key, "nothing reads this key; settings stand under 'config'")


def _locate(problem: RegionProblem, lines: _Lines) -> Problem:
    place, message = problem
    return Problem(lines.find_origin(*place), ".".join(map(str, place)), message)


def _describe_error(details: ErrorDetails, lines: _Lines) -> Problem:
    place = tuple(part for part in details["loc"] if part not in (*BY_REGION, _OF_A_KEY))
    field = ".".join(str(part) for part in place)
    message = _FAULTS.get(details["type"])
    if message is None:
        said, found = details["msg"].removeprefix("Value error, "), details["input"]
        message = explain_value(details["type"], said, found) or said
        if not isinstance(found, Mapping | Sequence) or isinstance(found, str):
            message += f" (found {shorten_value(found)})"
    return Problem(lines.find_origin(*place), field, shorten_text(message, LONGEST_MESSAGE))


def _parse_value(text: str) -> object:
    """Objects and lists come as JSON; everything else as text, which the models read."""
    if text[:1] in ("{", "["):
        try:
            return parse_json(text)
        except JsonRefused:
            return text
    return text


def _compare_values(values: Mapping[str, object]) -> dict[str, str]:
    """Our values by key, in one spelling: YAML has a number where the engine hands over its digits."""
    return {
        key: value if isinstance(value, str) else json.dumps(_drop_origins(value), sort_keys=True)
        for key, value in values.items()
        if key.startswith(NAMESPACE)
    }


def _drop_origins(value: object) -> object:
    """A value without what the reader of YAML wrote into it: where each part stands."""
    if isinstance(value, Mapping):
        return {key: _drop_origins(item) for key, item in value.items() if not isinstance(item, Origin)}
    return [_drop_origins(item) for item in value] if isinstance(value, list) else value


class _Lines:
    """Lines of the stack's file; line 1 where there is no such file."""

    def __init__(self, file: Path) -> None:
        # The engine starts the program inside stacks/; people read the name from the project's folder.
        self._shown = str(file.relative_to(PROJECT) if file.is_relative_to(PROJECT) else file)
        try:
            self._document: Document | None = read_yaml(file, self._shown)
        except PolicyError:
            self._document = None

    def find_origin(self, *location: str | int) -> Origin:
        """The line of a key of ours, or of what stands round it."""
        first, *rest = location or ("",)
        return self.find_key("config", f"{NAMESPACE}{first}", *rest)

    def find_key(self, *location: str | int) -> Origin:
        """The line of any key."""
        if self._document is None:
            return Origin(self._shown, 1)
        place: Location = location
        return self._document.find_origin(place)

    def list_values(self) -> dict[str, str]:
        """The configuration that the file holds, each value as it is compared."""
        config = self._document.data.get("config") if self._document and self.list_top_keys() else None
        return _compare_values(config) if isinstance(config, Mapping) else {}

    def list_top_keys(self) -> list[str]:
        """The keys at the top of the file."""
        return list(self._document.data) if self._document and isinstance(self._document.data, Mapping) else []
