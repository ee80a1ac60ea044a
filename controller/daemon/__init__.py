"""`tsunagu run`: the daemon that reads drift, measures and rolls out, on one schedule."""
