"""Text of a device: bounded, free of control characters, and shown without what can be a secret."""
