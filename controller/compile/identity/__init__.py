"""The identity part of the policy: 802.1X, the identity-aware proxy and its access levels."""
