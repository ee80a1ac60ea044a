"""Grants at the identity-aware proxy that somebody made outside of the stack: no refresh of the engine sees them."""
