"""What answers at each address that the monitor listens at: one application, behind a guard and perhaps a login."""

from __future__ import annotations

from typing import NamedTuple

from starlette.types import ASGIApp

from controller.model.city import City
from controller.operations.monitor_settings import MonitorSettings
from monitoring.city_state.monitor import Monitor
from monitoring.ingest.sender_tokens import SenderTokens
from monitoring.listening.login_gate import LoginGate
from monitoring.login.login_method import LoginMethod
from monitoring.timeseries.retention import KeptSeconds
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.app import build_application
from monitoring.web.request_guard import RequestGuard


class MonitorApplications(NamedTuple):
    """The monitor, and what answers at each of the addresses it listens at; `beside` where there is but loopback."""

    monitor: Monitor
    local: ASGIApp
    beside: ASGIApp


def build_applications(  # noqa: PLR0913, PLR0917 what it is put together of
    city: City,
    store: TimeSeriesStore,
    tokens: SenderTokens,
    settings: MonitorSettings,
    login: LoginMethod | None = None,
    kept: KeptSeconds | None = None,
) -> MonitorApplications:
    """Receiver, API, `/metrics` and pages over one store, behind a guard and perhaps a login.

    Only who shows one of the tokens may send. With a login nobody reads without one, on loopback neither.
    """
    app = build_application(city, store, tokens, settings, login, kept)
    monitor: Monitor = app.state.monitor
    if login is None:
        return MonitorApplications(monitor, RequestGuard(app), RequestGuard(app, settings.url))
    url = settings.url or f"http://{settings.listen}:{settings.port}"
    local = LoginGate(app, login, settings.roles, url, local=True)
    beside = LoginGate(app, login, settings.roles, url)
    return MonitorApplications(monitor, RequestGuard(local), RequestGuard(beside, settings.url))
