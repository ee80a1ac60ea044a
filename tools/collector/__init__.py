"""The OpenTelemetry Collector that tests run."""
