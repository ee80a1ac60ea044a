"""What tests of several folders share: the city as it is in `policies/`, and a virtual city of two schools."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from controller.cli.conventions import defaults
from controller.errors import FileLocked, LabError
from controller.inputs.bounded_yaml import YamlRefused
from controller.lab import lifecycle as virtual_city
from controller.lab.network.programs import check_requirements
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout
from controller.lab.state.processes import is_alive
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.model.yaml_source import Document, ValueBudget, parse_yaml
from controller.platforms.ovs.text import parse as parse_switch_text
from controller.storage.file_lock import hold_file_lock
from tests.missing_parts import skip_or_fail
from tests.policies import TODAY
from tests.soak import FACTOR
from tools import run_tests

# Thousands of tests stay until the end, so garbage is looked for among them less often: collecting them took a fifth
# longer.
gc.set_threshold(100_000, 50, 100)

# No deadline: a busy machine is no fault. In CI the property tests try the same examples every time; `make soak` draws
# new ones, by the seed it names.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("soak", print_blob=True, deadline=None)
settings.load_profile("soak" if FACTOR > 1 else "fixed")

POLICIES = Path(__file__).resolve().parents[1] / "policies"
SCHOOLS = 2
_LOCK = Path(tempfile.gettempdir()) / "tsunagu-lab-tests.lock"
_PATIENCE = 900.0
_OF_TESTS = "built-by-tests"
"""A file in the lab's state folder. Test runs wait for each other: a lab with it that is found is of a killed one."""
_MARKED = {
    "alone": "mark.alone",
    "lab and not alone": "mark.lab",
    run_tests.CITY: "mark.lab",
    run_tests.OWN_NETWORK: "mark.own_network",
}
"""What the file of a test that is chosen so has in it, by the choice."""
OPTIONS = frozenset({"POLICIES", "LANG", "JSON", "LAB", "STATE"})
"""Options that somebody may have set for all commands."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests with a marker are chosen, files without it are not even read: that takes half a minute."""
    word = _MARKED.get(config.option.markexpr)
    if word is None or collection_path.suffix != ".py" or word in collection_path.read_text(encoding="utf-8"):
        return None
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop where a test has such a marker that its own file does not write down: it would never be run."""
    words: dict[Path, str] = {}
    for item in items:
        for marker in ("lab", "alone", "own_network"):
            if item.get_closest_marker(marker) is not None:
                text = words.setdefault(item.path, item.path.read_text(encoding="utf-8"))
                if f"mark.{marker}" not in text:
                    message = f"{item.nodeid}: write 'mark.{marker}' in its own file"
                    raise pytest.UsageError(message)


@pytest.fixture
def hasty_netmiko(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let netmiko wait for a device in this process no longer than it takes to answer: it has answered already."""
    import netmiko.base_connection  # noqa: PLC0415 it takes a second, and few tests need it
    import netmiko.cisco_base_connection  # noqa: PLC0415

    hasty = SimpleNamespace(**{name: getattr(time, name) for name in dir(time)})
    hasty.sleep = lambda seconds: time.sleep(min(seconds, 0.0005))
    for module in (netmiko.base_connection, netmiko.cisco_base_connection):
        monkeypatch.setattr(module, "time", hasty)


@pytest.fixture(scope="session", autouse=True)
def own_state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key of earlier proofs that tests make is theirs, not that of who runs them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state-home")))
        yield


def pytest_configure() -> None:
    """Hear Ctrl-C and a closed terminal also where whoever started the tests ignores them: children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def own_defaults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests may have a language and defaults of their own: commands shall not read them here."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [
            one for one in os.environ if one.startswith("TSUNAGU_") and one.removeprefix("TSUNAGU_") in OPTIONS
        ]:
            patched.delenv(name)
        patched.setenv("LC_ALL", "C.UTF-8")
        patched.setattr(defaults, "find_defaults_file", lambda: tmp_path_factory.getbasetemp() / "no-defaults.toml")
        yield


@pytest.fixture(scope="session", autouse=True)
def remembered_texts() -> Iterator[None]:
    """What a text means hangs on nothing else; the same policies and texts of switches are read thousands of times.

    A fault that a test plants inside these two readers is not met by a text that was read before: plant it outside.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("controller.platforms.ovs.driver.parse", lru_cache(maxsize=128)(parse_switch_text))
        patched.setattr("controller.model.loading.policy_reader.parse_yaml", parse_policy_file)
        yield


def parse_policy_file(content: bytes, shown_as: str, budget: ValueBudget | None = None) -> Document:
    """As `parse_yaml`; the budget pays also for what was read before."""
    document, nodes = _parse_once(content, shown_as)
    try:
        if budget is not None:
            budget.take(nodes)
    except YamlRefused:
        return parse_yaml(content, shown_as, budget)  # refuses it, in its own words
    return document


@lru_cache(maxsize=512)
def _parse_once(content: bytes, shown_as: str) -> tuple[Document, int]:
    counted = CountedBudget()
    return parse_yaml(content, shown_as, counted), counted.nodes


class CountedBudget(ValueBudget):
    """Counts what a file takes."""

    def __init__(self) -> None:
        super().__init__(0)
        self.nodes = 0

    def take(self, nodes: int) -> None:
        """Note it, and refuse nothing."""
        self.nodes += nodes


@pytest.fixture(scope="session")
def city() -> City:
    """The city as it is in `policies/`, on a day when its exceptions are in force."""
    return load_city(POLICIES, on=TODAY)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the lab where no lab can be; in CI that is a failure, so that nothing is skipped unseen."""
    if item.get_closest_marker("lab") is None:
        return
    try:
        check_requirements()
    except LabError as missing:
        skip_or_fail(str(missing))


def refuse_labs_of_others() -> None:
    """Fail where a person's lab is up. What a killed test run or a restarted machine left is removed."""
    if not paths.STATE.exists():
        return
    ended = not any(map(is_alive, undo_log.list_processes(paths.STATE)))
    if not ended and not (paths.STATE / _OF_TESTS).exists():
        pytest.fail(f"a lab that is not the tests' own is up ({paths.STATE}); run 'tsunagu lab down' first")
    virtual_city.remove_virtual_city(lambda _: None)


@dataclass
class SharedLab:
    """The one lab of this machine, built when a test first needs it."""

    city: VirtualCity
    layout: Layout | None = None
    as_built: bool = False
    """Whether no test has had it since it was built that may change it."""

    def build_if_missing(self, *, to_change: bool = True) -> Layout:
        """A lab of two schools, the canary first; whoever only looks at it says so."""
        if self.layout is None:
            refuse_labs_of_others()
            self.layout = virtual_city.build_virtual_city(self.city, SCHOOLS, lambda _: None)
            (paths.STATE / _OF_TESTS).touch()
            self.as_built = True
        self.as_built = self.as_built and not to_change
        return self.layout

    def remove(self) -> None:
        """No lab any more, if it is the tests' own."""
        if self.layout is not None:
            virtual_city.remove_virtual_city(lambda _: None)
            self.layout = None


@pytest.fixture(scope="session")
def shared_lab(city: City) -> Iterator[SharedLab]:
    """The lab's keeper; other test runs on this machine wait here."""
    with ExitStack() as held:
        try:
            held.enter_context(hold_file_lock(Path(_LOCK), patience=_PATIENCE))
        except FileLocked:
            pytest.fail(f"another test run has been using the lab for {_PATIENCE:.0f} s")
        keeper = SharedLab(choose_virtual_city(city))
        yield keeper
        keeper.remove()


@pytest.fixture
def lab(shared_lab: SharedLab) -> Layout:
    """A lab of two schools; what earlier tests did to it is still there."""
    return shared_lab.build_if_missing()


@pytest.fixture
def untouched_lab(shared_lab: SharedLab) -> Layout:
    """A lab of two schools with factory-new switches, for tests that only look at it."""
    if not shared_lab.as_built:
        shared_lab.remove()
    return shared_lab.build_if_missing(to_change=False)


@pytest.fixture
def fresh_lab(untouched_lab: Layout, shared_lab: SharedLab) -> Layout:
    """A lab of two schools with factory-new switches, for tests that change it."""
    assert shared_lab.build_if_missing() is untouched_lab
    return untouched_lab


@pytest.fixture
def no_lab(shared_lab: SharedLab) -> Iterator[None]:
    """No lab before, and none left after."""
    shared_lab.remove()
    refuse_labs_of_others()
    yield
    virtual_city.remove_virtual_city(lambda _: None)
