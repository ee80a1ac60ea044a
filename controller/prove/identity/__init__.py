"""The people whom the proxy lets in: synthetic principals against the compiled conditions."""
