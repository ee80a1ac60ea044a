"""The sites of a NetBox as a table of schools, and its devices: read by pynetbox, believed in nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pynetbox

from controller.errors import Origin
from controller.importing.column_names import WARD_COLUMNS, find_column
from controller.importing.netbox.bounded_session import BoundedSession, Clock, NetBoxRefused
from controller.importing.source_table import Cell, Column, SourceDevice, SourceRow, SourceTable
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.operations.netbox_access import NetBoxAccess

PAGE = 100
MOST_SITES, MOST_DEVICES = 10_000, 40_000
KNOWN_MAJORS = (3, 4)
"""Versions whose answers are understood; which of them the tests' stand-in plays stands in docs/import.md."""
_TOKEN = re.compile(r"[A-Za-z0-9_.+/=-]{8,200}")
_VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})(?:\.[0-9]{1,5})?")
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What pynetbox raises where an answer is not what NetBox documents."""


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class NetBoxReader:
    """A NetBox with the token for it.

    Args:
        access: its address, from the operators' file.
        token: the token itself.
        clock: waits where the server asks for it.
    """

    access: NetBoxAccess
    token: str
    clock: Clock

    def read_sites(self) -> SourceTable:
        """Return the sites as a table, with the devices that stand there.

        Raises:
            NetBoxRefused: they cannot be read whole.
        """
        session = BoundedSession(self.access.url, self.clock, self.access.certificates)
        api = pynetbox.api(self.access.url.rstrip("/"), token=self._check_token())
        api.http_session = session
        rows = tuple(self._list(api.dcim.sites.all(limit=PAGE), "sites", MOST_SITES, _read_site))
        self._check_version(session.api_version)
        found = api.dcim.devices.filter(exclude="config_context", limit=PAGE)
        devices = list(self._list(found, "devices", MOST_DEVICES, _read_device))
        return SourceTable(
            name=f"netbox ({self._host})",
            header=Origin(f"netbox {self._host} dcim/sites", 1),
            rows=rows,
            of_netbox=True,
            devices=tuple(devices),
        )

    @property
    def _host(self) -> str:
        return urlsplit(self.access.url).netloc

    def _check_token(self) -> str:
        # NetBox shows a token with the word that goes before it.
        token = self.token.strip().removeprefix("Bearer ").removeprefix("Token ")
        if not _TOKEN.fullmatch(token):
            message = "the token of 'netbox' in the operators' file is none (8 to 200 letters and digits in one line)"
            raise NetBoxRefused(message)
        return token

    def _check_version(self, said: str) -> None:
        version = _VERSION.fullmatch(said)
        if version is None:
            message = f"{self._host}: its answers name no version of NetBox's API; is 'netbox.url' a NetBox?"
            raise NetBoxRefused(message)
        if int(version[1]) not in KNOWN_MAJORS:
            known = " and ".join(f"{one}.x" for one in KNOWN_MAJORS)
            message = f"{self._host}: speaks version {said} of the API; {known} are understood"
            raise NetBoxRefused(message)

    def _list(
        self,
        records: Any,  # noqa: ANN401 pynetbox has no types
        what: str,
        most: int,
        read: Callable[[Mapping[str, Any]], Value],
    ) -> Iterator[Value]:
        """Yield what a list holds, read as it came: a record of pynetbox asks again for a field that is not there."""
        seen: set[int] = set()
        try:
            for one in records.response:
                if len(seen) == most:
                    message = f"{self._host}: has more than {most:,} {what}, the most that are read"
                    raise NetBoxRefused(message)
                number = _read_id(one)
                if number in seen:
                    message = f"{self._host}: {what} {number} came twice; the list changed while it was read: try again"
                    raise NetBoxRefused(message)
                seen.add(number)
                yield read(one)
            count = records.request.count
        except pynetbox.RequestError as error:
            raise NetBoxRefused(self._explain(error, what)) from None
        except pynetbox.ContentError:
            message = f"{self._host}: answers no JSON that can be read; is 'netbox.url' the address of a NetBox?"
            raise NetBoxRefused(message) from None
        except _ODD:
            message = f"{self._host}: the list of {what} is not what NetBox documents (count, next, results; id, name)"
            raise NetBoxRefused(message) from None
        if count != len(seen):
            message = f"{self._host}: says it has {shorten_value(count)} {what}, and {len(seen)} came; try again"
            raise NetBoxRefused(message)

    def _explain(self, error: Any, what: str) -> str:  # noqa: ANN401 pynetbox has no types
        status = int(error.req.status_code)
        if status == _UNAUTHORIZED:
            return f"{self._host}: does not know the token (401); make one in NetBox, and name it in 'netbox.token'"
        if status == _FORBIDDEN:
            return f"{self._host}: the token may not read {what} (403); is it valid, and may its user view {what}?"
        if status == _NOT_FOUND:
            return f"{self._host}: has no /api/dcim/{what}/ (404); write 'netbox.url' without /api"
        detail = self._read_detail(error)
        return f"{self._host}: refuses to list {what} ({status}{detail})"

    def _read_detail(self, error: Any) -> str:  # noqa: ANN401 see above
        try:
            said = error.req.json()
        except ValueError:
            return ""
        detail = said.get("detail") if isinstance(said, dict) else None
        # A server could say the token back to us.
        return f": {shorten_text(detail.replace(self.token.strip(), '***'), 200)}" if isinstance(detail, str) else ""


def _read_site(site: Mapping[str, Any]) -> SourceRow:
    """Return a site as a row; a value of another kind than NetBox documents is an error of pynetbox's kind."""
    origin = Origin("netbox dcim/sites", _read_id(site))
    texts: dict[Column, tuple[str, str, int]] = {}
    for name, value in _get_mapping(site, "custom_fields").items():
        named = find_column(str(name))
        # Selections of older versions are an object of a value and a label.
        plain = value.get("value") if isinstance(value, dict) else value
        if named is not None and isinstance(plain, str | int | float):
            texts[named.column] = (str(plain), str(name), named.unit)
    texts[Column.NAME] = (_check_text(site["name"]), "name", 1)
    for column in WARD_COLUMNS:
        inner = site.get(column.value)
        if isinstance(inner, dict):
            texts[column] = (_check_text(inner["name"]), column.value, 1)
    status = site.get("status")
    value = status.get("value", "") if isinstance(status, dict) else status
    texts[Column.STATUS] = (_check_text(value or ""), "status", 1)
    cells = {column: Cell(text.strip(), origin, header, unit) for column, (text, header, unit) in texts.items()}
    return SourceRow(origin, cells)


def _read_device(device: Mapping[str, Any]) -> SourceDevice:
    role = "role" if "role" in device else "device_role"  # another name up to NetBox 3.5
    addresses = (_get_mapping(device, name).get("address") for name in ("primary_ip4", "primary_ip6"))
    return SourceDevice(
        origin=Origin("netbox dcim/devices", _read_id(device)),
        name=_check_text(device["name"] or "").strip(),
        site=_read_number(_get_mapping(device, "site").get("id", 0)),
        role=_check_text(_get_mapping(device, role).get("slug", "")),
        platform=_check_text(_get_mapping(device, "platform").get("slug", "")),
        addresses=tuple(ip_interface(_check_text(one)).ip for one in addresses if one is not None),
        is_active=_get_mapping(device, "status").get("value") == "active",
    )


def _get_mapping(site: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = site.get(field)
    return value if isinstance(value, dict) else {}


def _read_id(one: Mapping[str, Any]) -> int:
    return _read_number(one["id"])


def _read_number(number: object) -> int:
    if type(number) is not int:
        message = "an id is a whole number"
        raise TypeError(message)
    return number


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        message = "a name is a text"
        raise TypeError(message)
    return value
