"""Metrics of Google's services: what is known of each, how one is selected, and how its series are aligned."""
