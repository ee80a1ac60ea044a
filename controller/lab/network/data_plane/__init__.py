"""The data plane of a virtual switch: it carries out a `Forwarding` with the kernel's bridges, routes and nftables."""
