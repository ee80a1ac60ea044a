"""Alert rules for Prometheus, made from the registry."""
