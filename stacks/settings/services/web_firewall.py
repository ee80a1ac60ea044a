"""The settings of the web application firewall before an application (`applications.<id>.web-firewall`)."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from controller.model.yaml_source import StrictModel

Attack = Literal[
    "sqli", "xss", "lfi", "rfi", "rce", "scannerdetection", "protocolattack", "php", "sessionfixation", "java", "nodejs"
]
"""Google's names of the OWASP sets (CRS 3.3). `methodenforcement` is not among them: it refuses PUT, PATCH and DELETE,
which applications need."""
ATTACKS: Final[tuple[Attack, ...]] = get_args(Attack)


class WebFirewallSettings(StrictModel):
    """What the firewall refuses.

    `mode`: `deny` refuses attacks, `preview` only logs what it would refuse: for the first weeks of an application.
    `requests_a_minute` is of one address; more is answered 429. A whole school may stand behind one address (NAT,
    MAP-E): 1,000 pupils who open a page of 30 parts ask 30,000 times.
    `sensitivity`: the higher, the more is taken for an attack, wrongly too. `left_out`: sets that an application cannot
    bear, such as `php` where pupils write programs.
    """

    mode: Literal["deny", "preview"] = "deny"
    requests_a_minute: int = Field(default=60_000, ge=60, le=1_000_000)
    sensitivity: Annotated[int, Field(ge=1, le=4)] = 1
    left_out: tuple[Attack, ...] = ()

    def list_words(self) -> list[str]:
        """Return what tells these settings from others, in words of a name.

        >>> WebFirewallSettings(**{"left-out": ["php"]}).list_words()
        ['deny', '60000', '1', 'no', 'php']
        """
        out = sorted(set(self.left_out))
        return [self.mode, str(self.requests_a_minute), str(self.sensitivity), *(["no", *out] if out else [])]
