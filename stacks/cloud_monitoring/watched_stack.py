"""Which parts of a declared stack are watched: what is lost, set aside or not declared is none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pulumi

from stacks.applications.application import DeployedApplication
from stacks.applications.application_backend import ApplicationBackend
from stacks.applications.application_data import ApplicationData
from stacks.applications.restore_test import RestoreTest
from stacks.cloud_monitoring.parts import Part, Parts, count_connections
from stacks.cloud_monitoring.signals import PartKind
from stacks.data.database import Database
from stacks.foundation import Foundation
from stacks.settings.configuration import CloudRunHosting
from stacks.settings.services.backups import ATTACHED

IMPORTANCE = "II"
"""Of what belongs to all applications."""


@dataclass(frozen=True)
class DeclaredApplication:
    """An application as the program declares it: what serves it, and what it has."""

    application: DeployedApplication
    backend: ApplicationBackend
    data: ApplicationData | None = None
    restore_test: RestoreTest | None = None

    @property
    def services(self) -> list[Any]:
        """Its Cloud Run services, in the regions that are not lost."""
        lost = self.application.lost
        return [service for region, service in self.backend.services.items() if region not in lost]

    def make_part(self, names: Iterable[pulumi.Input[str]], limit: float | None = None) -> Part:
        """Return a part that is this application's."""
        compiled = self.application.compiled
        return Part(compiled.id, compiled.importance, tuple(names), limit)


def list_parts(foundation: Foundation, applications: Iterable[DeclaredApplication]) -> Parts:
    """Return every part of a stack that is watched."""
    parts: dict[PartKind, tuple[Part, ...]] = {}
    for kind, part in _find_parts(foundation, [*applications]):
        parts[kind] = (*parts.get(kind, ()), part)
    return parts


def _find_parts(foundation: Foundation, applications: list[DeclaredApplication]) -> Iterator[tuple[PartKind, Part]]:
    yield "balancer", Part("", IMPORTANCE)
    yield "certificates", Part("", IMPORTANCE)
    yield "sinks", Part("", IMPORTANCE, tuple(sink.name for sink in foundation.sinks))
    if foundation.gateways:
        yield "gateways", Part("", IMPORTANCE, tuple(gateway.name for gateway in foundation.gateways))
    for one in applications:
        yield from _find_application_parts(one)
    if any(_is_attached(one) for one in applications):
        yield "vault", Part("", IMPORTANCE)


def _find_application_parts(one: DeclaredApplication) -> Iterator[tuple[PartKind, Part]]:
    hosting = one.application.settings.hosting
    if isinstance(hosting, CloudRunHosting) and one.services:
        yield "services", one.make_part([service.name for service in one.services], hosting.instances[1])
    if one.restore_test is not None:
        yield "restore-test", one.make_part([one.restore_test.job.name])
        yield "restore-test-start", one.make_part([one.restore_test.schedule.name])
    if one.data is not None and one.data.copies is not None:
        # "Monitor transfer jobs": the label is the job's name.
        yield "copies", one.make_part([one.data.copies.job.name])
    if one.data is not None and one.data.database is not None:
        yield from _find_database_parts(one, one.data.database)


def _find_database_parts(one: DeclaredApplication, database: Database) -> Iterator[tuple[PartKind, Part]]:
    settings, project = one.application.settings.database, one.application.project
    assert settings is not None  # noqa: S101 the database is made from them
    names = {
        region: instance.name.apply(lambda name: f"{project}:{name}") for region, instance in database.instances.items()
    }
    yield "database", one.make_part(names.values(), count_connections(settings.tier))
    replicas = [name for region, name in names.items() if region != database.primary]
    if replicas:
        yield "replica", one.make_part(replicas)
    if not _is_attached(one):
        yield "backups", one.make_part(names.values())


def _is_attached(one: DeclaredApplication) -> bool:
    """Whether its database is backed up into the vault: then Cloud SQL makes no backups of its own."""
    settings = one.application.settings.database
    return settings is not None and settings.vault == ATTACHED
