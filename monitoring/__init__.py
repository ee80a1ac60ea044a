"""The monitor: receives telemetry, keeps it, shows it. A process of its own."""
