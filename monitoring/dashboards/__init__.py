"""Dashboards for the tools that monitoring teams have, made from the registry and the message catalogue."""
