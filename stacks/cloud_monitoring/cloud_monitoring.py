"""The component: whom Cloud Monitoring tells, what it alerts on, and the dashboards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from controller.messages import LANGUAGES
from stacks.cloud_monitoring.alert_policies import Writer, build_alert_policy
from stacks.cloud_monitoring.dashboards import build_dashboard
from stacks.cloud_monitoring.parts import Part, Parts
from stacks.cloud_monitoring.signals import ALERTS, Alert
from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming
from stacks.settings.services.monitoring import MonitoringSettings


@dataclass(frozen=True)
class CloudMonitoringArgs:
    """What it is made from. `parts` are those that the stack declares: nothing else is alerted on."""

    settings: MonitoringSettings
    parts: Parts
    naming: Naming
    services: ProjectServices


class CloudMonitoring(pulumi.ComponentResource):
    """Notification channels, an alert policy for each alert and part, a dashboard for each language.

    Outputs: `channels`.
    """

    def __init__(self, name: str, args: CloudMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}CloudMonitoring", name, {}, opts)
        self._args, self._own = args, args.services.build_child_options(self, "monitoring")
        self.channels = [self._add_channel(key, address) for key, address in args.settings.notify.items()]
        for alert in ALERTS:
            for part in args.parts.get(alert.kind, ()):
                self._add_policy(alert, part)
        for language in LANGUAGES:
            document = build_dashboard(args.parts, args.naming.stack, language)
            gcp.monitoring.Dashboard(
                f"dashboard-{language}",
                dashboard_json=json.dumps(document, ensure_ascii=False, sort_keys=True),
                opts=self._own,
            )
        self.register_outputs({})

    def _add_channel(self, key: str, address: str) -> gcp.monitoring.NotificationChannel:
        return gcp.monitoring.NotificationChannel(
            f"notify-{key}",
            type="email",
            display_name=f"[{self._args.naming.stack}] {key}",
            labels={"email_address": address},
            user_labels=self._args.naming.build_labels("II", "monitoring"),
            opts=self._own,
        )

    def _add_policy(self, alert: Alert, part: Part) -> None:
        args = self._args
        built = build_alert_policy(alert, part, _wait_for_names(part), args.naming.stack, args.settings.runbooks)
        gcp.monitoring.AlertPolicy(
            f"{alert.key}-{part.id}" if part.id else alert.key,
            **_name_in_python(built),
            notification_channels=[channel.name for channel in self.channels],
            user_labels=args.naming.build_labels(part.importance, part.id or "monitoring"),
            opts=self._own,
        )


def _wait_for_names(part: Part) -> Writer:
    """Return what writes a filter when the engine knows what Google calls the part."""

    def write(make: Callable[[list[str]], str]) -> Any:  # noqa: ANN401 a text, or one to come
        return pulumi.Output.all(*part.names).apply(make) if part.names else make([])

    return write


def _name_in_python(value: Any) -> Any:  # noqa: ANN401 any JSON
    """The keys of Google's API as the SDK calls them in Python.

    >>> _name_in_python({"autoClose": "604800s"})
    {'auto_close': '604800s'}
    """
    if isinstance(value, dict):
        return {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): _name_in_python(item) for key, item in value.items()}
    return [_name_in_python(item) for item in value] if isinstance(value, list) else value
