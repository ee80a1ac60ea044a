"""The pages, the JSON API and `/metrics`."""
