"""The web application firewall (Cloud Armor) before every backend, that of a public application too.

It refuses what the OWASP rules know as attacks, then what one address asks beyond a number a minute. It is asked before
the identity-aware proxy. Applications with the same settings share a policy, because Google charges for each policy
and rule and limits their number; a number a minute counts for each backend on its own all the same.

Sources (Google Cloud documentation, by page name): "Cloud Armor preconfigured WAF rules overview" (sets of CRS 3.3),
"Tune Cloud Armor preconfigured WAF rules" (sensitivity, JSON), "Rate limiting overview" (per backend, 1 to 1,000,000),
"Cloud Armor best practices" (description of a rule: 64 characters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import ProjectServices
from stacks.settings.naming import LONGEST_NAME, TYPE, make_google_name
from stacks.settings.services.web_firewall import ATTACKS, WebFirewallSettings

FIRST, STEP = 1_000, 10
"""Priorities of the rules against attacks: the lower number decides."""
RATE, DEFAULT = 9_000, 2_147_483_647
"""Priorities of the number a minute, and of the rule that every policy ends with."""
A_MINUTE = 60
RANDOM_END = 8
"""What the engine adds to a name."""


@dataclass(frozen=True)
class WebFirewallArgs:
    """What the firewall is made from: the settings of each application."""

    settings: Mapping[str, WebFirewallSettings]
    services: ProjectServices


class WebFirewall(pulumi.ComponentResource):
    """Outputs: `policies` (by application)."""

    def __init__(self, name: str, args: WebFirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}WebFirewall", name, {}, opts)
        self._own = args.services.build_child_options(self, "compute")
        made: dict[WebFirewallSettings, gcp.compute.SecurityPolicy] = {}
        for settings in args.settings.values():
            if settings not in made:
                made[settings] = self._add_policy(name, settings)
        self.policies = {application: made[settings] for application, settings in args.settings.items()}
        self.register_outputs({})

    def _add_policy(self, name: str, settings: WebFirewallSettings) -> gcp.compute.SecurityPolicy:
        """Add a policy. Its name says what it is, so changed settings make another one before the old one goes."""
        called = "-".join([name, *settings.list_words()])
        return gcp.compute.SecurityPolicy(
            make_google_name(called, LONGEST_NAME - RANDOM_END),
            type="CLOUD_ARMOR",
            description="Attacks that OWASP knows, and a number of requests a minute",
            # Otherwise the quotes of JSON look like an attack.
            advanced_options_config={"json_parsing": "STANDARD", "log_level": "NORMAL"},
            rules=[*_build_attack_rules(settings), _build_rate_rule(settings), _build_last_rule()],
            opts=self._own,
        )


def _build_attack_rules(settings: WebFirewallSettings) -> list[gcp.compute.SecurityPolicyRuleArgs]:
    return [
        gcp.compute.SecurityPolicyRuleArgs(
            action="deny(403)",
            priority=FIRST + number * STEP,
            description=f"OWASP: {attack}",
            preview=settings.mode == "preview",
            match=gcp.compute.SecurityPolicyRuleMatchArgs(
                expr=gcp.compute.SecurityPolicyRuleMatchExprArgs(
                    expression=f"evaluatePreconfiguredWaf('{attack}-v33-stable', "
                    f"{{'sensitivity': {settings.sensitivity}}})"
                )
            ),
        )
        # A set that is left out keeps its number free, so that the others keep theirs.
        for number, attack in enumerate(ATTACKS)
        if attack not in settings.left_out
    ]


def _build_rate_rule(settings: WebFirewallSettings) -> gcp.compute.SecurityPolicyRuleArgs:
    return gcp.compute.SecurityPolicyRuleArgs(
        action="throttle",
        priority=RATE,
        description="What one address asks in a minute",
        preview=False,
        match=_match_anybody(),
        rate_limit_options=gcp.compute.SecurityPolicyRuleRateLimitOptionsArgs(
            conform_action="allow",
            exceed_action="deny(429)",
            enforce_on_key="IP",
            rate_limit_threshold=gcp.compute.SecurityPolicyRuleRateLimitOptionsRateLimitThresholdArgs(
                count=settings.requests_a_minute, interval_sec=A_MINUTE
            ),
        ),
    )


def _build_last_rule() -> gcp.compute.SecurityPolicyRuleArgs:
    """The rule that Google has at the end of every policy; who is let in the proxy decides."""
    return gcp.compute.SecurityPolicyRuleArgs(
        action="allow", priority=DEFAULT, description="Everything else", preview=False, match=_match_anybody()
    )


def _match_anybody() -> gcp.compute.SecurityPolicyRuleMatchArgs:
    return gcp.compute.SecurityPolicyRuleMatchArgs(
        versioned_expr="SRC_IPS_V1", config=gcp.compute.SecurityPolicyRuleMatchConfigArgs(src_ip_ranges=["*"])
    )
