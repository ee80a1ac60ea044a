"""All commands of `tsunagu report`: what was measured, and how far the integration is."""

from __future__ import annotations

from controller.cli.integration.report import report_integration
from controller.cli.measurement.availability import report_availability
from controller.cli.measurement.report import report

__all__ = ["report"]

report.command("availability")(report_availability)
report.command("integration")(report_integration)
