"""When certificates end, told to the monitor by the daemon: of the files that the operators' file names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.operations.certificate_files import find_group_ends
from controller.operations.operations import Operations
from controller.telemetry.otlp import open_telemetry
from controller.telemetry.registry import CERTIFICATE, CERTIFICATE_NOT_AFTER, HOUR, Writer

TELL_EVERY_SECONDS = float(HOUR)


def list_certificate_files(operations: Operations) -> Mapping[str, tuple[Path, ...]]:
    """The files whose certificates the daemon tells of, by what they are for; the monitor tells of its own."""
    database = operations.rollout.database.certificates if operations.rollout.database is not None else None
    netbox = operations.netbox.certificates if operations.netbox is not None else None
    return {
        "rollout-database": (database,) if database is not None else (),
        "netbox": (netbox,) if netbox is not None else (),
        **operations.certificates.group_paths(),
    }


def send_certificate_ends(operations: Operations, policies: Path) -> str:
    """Send when each group of certificates ends; give what could not be read, for the log.

    Of a group with a file that cannot be read nothing is sent: its other files say nothing of that one.
    """
    ends, faults = find_group_ends(list_certificate_files(operations))
    if ends:
        with open_telemetry(token=find_token_file(Writer.CONTROLLER, policies)) as sent:
            for name, at in ends.items():
                sent.record(CERTIFICATE_NOT_AFTER, at, **{CERTIFICATE.name: name})
    return "; ".join(faults)
