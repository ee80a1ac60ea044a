"""`tsunagu run`: the daemon."""
