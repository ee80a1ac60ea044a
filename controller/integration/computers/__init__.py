"""The computers of the networks that end: how many an inventory lists, how many the switches have seen, and when."""
