"""Names that the proxy and those who ask it share."""

from __future__ import annotations

SAYS = "tsunagu-lab-proxy"
"""The header in which every answer says that this is not Google's; its value ends with the address that was asked."""
APPLICATION = "tsunagu-lab-application"
"""The header that names the application that the deployed host rules lead to."""
