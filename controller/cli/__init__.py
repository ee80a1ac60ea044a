"""The command line: words to calls, nothing more."""
