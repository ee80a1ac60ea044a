"""Files that outlive a process: SQLite stores with migrations, and locks between processes."""
