from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Done, here
from tests.importing.netbox_stand_in import SITES, V1_TOKEN, StandIn, serve
from tests.importing.tables import RunImport, Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path)


@pytest.fixture
def netbox() -> Iterator[StandIn]:
    with serve(StandIn(sites=[dict(site) for site in SITES])) as stand_in:
        yield stand_in


@pytest.fixture
def run(
    scene: Scene, netbox: StandIn, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> RunImport:
    """`tsunagu import netbox`, with the operators' file and the token that it names."""
    place = tmp_path_factory.mktemp("operators") / "operations.yaml"
    place.write_text(f"format: 1\nnetbox: {{url: '{netbox.url}', token: {{env: NETBOX_TOKEN}}}}\n", encoding="utf-8")
    place.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(place))
    monkeypatch.setenv("NETBOX_TOKEN", V1_TOKEN)

    def import_netbox(*words: str) -> Done:
        return here("import", "netbox", "--policies", "our-city", *words, cwd=scene.folder)

    return import_netbox
