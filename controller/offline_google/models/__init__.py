"""What the offline Google knows of each property that a stack may set, and how it judges it."""
