"""The ways of others in a switch's configuration: the words that show them, and where they lead."""
