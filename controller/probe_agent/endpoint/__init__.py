"""The measuring endpoint of a region: a small HTTPS server that enrolled probes send to and receive from."""
