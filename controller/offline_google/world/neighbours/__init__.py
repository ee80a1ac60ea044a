"""What Google refuses of a resource because of others of its kind, or of what it stands in."""
