"""The services of the virtual city that hosts talk to."""
