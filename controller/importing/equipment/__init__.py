"""The devices of a source, and the platforms of its lots, in the city's files."""
