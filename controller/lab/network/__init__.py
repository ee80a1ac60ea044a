"""The network of the virtual city: namespaces, switches, routers, access lines."""
