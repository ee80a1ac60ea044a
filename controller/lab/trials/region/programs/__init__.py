"""The programs that run in the regions: the proxy before them, a service in each, and what both know of the drill."""
