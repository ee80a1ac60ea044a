"""Packets, device states and routes, free of any vendor."""
