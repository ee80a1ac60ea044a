"""The files of `policies/access/`: who may reach what."""
