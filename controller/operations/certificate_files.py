"""Which certificates end when: of the files that the operators' file names. Their ends are read, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cryptography import x509
from pydantic import Field

from controller.errors import OperationsRefused
from controller.model.yaml_source import StrictModel
from controller.operations.fields import TrustedPath
from controller.operations.trusted_files import read_trusted_file, refuse_file

_REFUSED = "The end of a certificate cannot be read:"
_MOST_FILES = 20


class WatchedCertificates(StrictModel):
    """Certificates of others, as files in PEM, that the daemon is to tell the monitor the ends of.

    The 802.1X servers show `radius_server` to devices, `radius_authority` gave these; the measuring endpoints show
    `measuring_endpoint` to the schools' probes.
    """

    radius_server: tuple[TrustedPath, ...] = Field(default=(), max_length=_MOST_FILES)
    radius_authority: tuple[TrustedPath, ...] = Field(default=(), max_length=_MOST_FILES)
    measuring_endpoint: tuple[TrustedPath, ...] = Field(default=(), max_length=_MOST_FILES)

    def list_paths(self) -> Iterator[Path]:
        """Yield every file."""
        yield from (*self.radius_server, *self.radius_authority, *self.measuring_endpoint)

    def group_paths(self) -> Mapping[str, tuple[Path, ...]]:
        """The files by what their certificates are for, in the words of the metric.

        >>> found = WatchedCertificates.model_validate({"radius-server": ["/etc/tsunagu/radius.pem"]})
        >>> found.group_paths()["radius-server"]
        (PosixPath('/etc/tsunagu/radius.pem'),)
        """
        return {name.replace("_", "-"): getattr(self, name) for name in type(self).model_fields}


def find_first_end(paths: Iterable[Path]) -> float:
    """When the first certificate of some files ends, in seconds since 1970.

    Raises:
        OperationsRefused: a file is missing, somebody else's or open to others' changes, or holds no certificate in
            PEM.
    """
    return min(_find_file_end(path) for path in paths)


def _find_file_end(path: Path) -> float:
    try:
        content = read_trusted_file(path, _REFUSED)
    except FileNotFoundError:
        raise refuse_file(_REFUSED, path, "is missing; put the certificate there, in PEM") from None
    try:
        return min(one.not_valid_after_utc.timestamp() for one in x509.load_pem_x509_certificates(content))
    except ValueError:
        message = "holds no certificate in PEM (-----BEGIN CERTIFICATE-----), or one that is damaged"
        raise refuse_file(_REFUSED, path, message) from None


def find_group_ends(files: Mapping[str, Iterable[Path]]) -> tuple[dict[str, float], list[str]]:
    """When the first of each group's certificates ends, and why groups have no such end; empty groups are left out."""
    ends: dict[str, float] = {}
    faults: list[str] = []
    for name, paths in files.items():
        try:
            wanted = tuple(paths)
            if wanted:
                ends[name] = find_first_end(wanted)
        except OperationsRefused as error:
            faults.append(f"{name}: {' '.join(str(error).split())}")
    return ends, faults
