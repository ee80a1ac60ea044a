"""Which answers a change of the policy changes."""
