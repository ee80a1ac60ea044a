"""What differs between Catalysts of different models and images."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

PORTS_24 = tuple(f"GigabitEthernet1/0/{number}" for number in range(1, 25))
UPLINKS_4 = tuple(f"TenGigabitEthernet1/1/{number}" for number in range(1, 5))


@dataclass(frozen=True, slots=True)
class CatalystModel:
    """A model with its image.

    `numbers_entries`: 17.x writes ` 10 permit ...`, 15.x and 16.8 no numbers (oxidized C9200L-24P-4G_17.09.04a,
    asr920_16.8.1b). `needs_encapsulation`: a port that could speak ISL takes no `switchport mode trunk` before
    `switchport trunk encapsulation dot1q`; other ports do not know the line; None: a chassis of both, where no port is
    named and so both is taken. `has_revert`: `configure terminal revert` is there (12.4(20)T, 12.2(33)SX,
    XE 3). `new_interfaces_are_down`: not in the documents read; both are offered. `unique_vlan_names`: the same.
    `lacp_partner`: the other end of every LACP group is taken to speak LACP; without it, such groups are refused.
    `newer_words`: the words in access lists that came with 16.
    """

    name: str = "C9300-24T"
    version: str = "17.9"
    ports: tuple[str, ...] = PORTS_24 + UPLINKS_4
    numbers_entries: bool = True
    needs_encapsulation: bool | None = False
    has_revert: bool = True
    new_interfaces_are_down: bool = False
    unique_vlan_names: bool = False
    lacp_partner: bool = False
    newer_words: bool = True
    vtp_mode: str = "server"
    flash_bytes: int = 16_777_216
    nvram_bytes: int = 2_097_152


C9300 = CatalystModel()
C3560 = CatalystModel(
    name="WS-C3560-24TS-S",
    version="15.0",
    ports=tuple(f"GigabitEthernet0/{number}" for number in range(1, 27)),
    numbers_entries=False,
    needs_encapsulation=True,
    newer_words=False,
)
MODELS = {one.name: one for one in (C9300, C3560)}


def fit_ports(model: CatalystModel, text: str) -> CatalystModel:
    """Return a model with the ports that a configuration names, and no other."""
    names = re.findall(r"(?m)^interface ([A-Za-z]+\d+(?:/\d+){1,2})$", text)
    return replace(model, ports=tuple(dict.fromkeys(names)))
