"""What all commands have in common: defaults, completion, examples, JSON documents, language, Ctrl-C."""
