"""What the monitor keeps: points, their tables, roll-ups, the one thread that writes."""
