"""Where the monitor listens: loopback, and beside it an address with TLS and a login."""
