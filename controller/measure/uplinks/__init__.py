"""What an uplink carries beside our own tests: its counters, read twice."""
