"""May these reach that, and why."""
