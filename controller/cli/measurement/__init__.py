"""Commands about measurements: measure, report, monitor."""
