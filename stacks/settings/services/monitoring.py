"""Whom Cloud Monitoring tells of an alert, and where runbooks are read."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from controller.model.sites.schools import Identifier
from controller.model.yaml_source import StrictModel

MOST_CHANNELS: Final = 16
"""Google's limit of an alert policy ("Quotas and limits" of Cloud Monitoring)."""
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_PAGES = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]{1,100}){0,10}")
LONGEST_ADDRESS, LONGEST_URL = 254, 1_000


def _check_address(text: str) -> str:
    if len(text) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(text):
        message = "write an e-mail address such as watch@city.example"
        raise ValueError(message)
    return text


def _check_pages(text: str) -> str:
    if len(text) > LONGEST_URL or not _PAGES.fullmatch(text):
        message = "write where runbooks are read, without '/' at the end, such as https://monitor.city.example/runbooks"
        raise ValueError(message)
    return text


EmailAddress = Annotated[str, AfterValidator(_check_address)]
PagesAddress = Annotated[str, AfterValidator(_check_pages)]


class MonitoringSettings(StrictModel):
    """Alert policies and dashboards of Cloud Monitoring.

    `notify` gives the e-mail address of each team that is told of every alert. `runbooks` is where the folders `ja` and
    `en` of `docs/runbooks` are read.
    """

    notify: dict[Identifier, EmailAddress] = Field(min_length=1, max_length=MOST_CHANNELS)
    runbooks: PagesAddress
