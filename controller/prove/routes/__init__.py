"""The routes that a router takes and gives, proved against the preference of lines."""
