"""How a device is reached: SSH, host keys, credentials, network namespaces."""
