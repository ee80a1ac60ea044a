"""Whom the proxy lets in: every class of people against the compiled conditions."""
