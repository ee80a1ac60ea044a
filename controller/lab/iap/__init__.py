"""The stand-in for Google's identity-aware proxy, and what it needs: an identity provider, and applications behind it.

It is not Google's. It reads what was deployed to the offline Google (never the policy) and decides each request by it,
so that the virtual city shows by real HTTPS what the deployed bindings and access levels do. What it cannot show:
Google's own sign-in, its device inventory, its geolocation, and how Google evaluates a condition beyond its published
words. Three programs: `front` (the proxy), `identity` (who signs people in), `application` (what stands behind).
"""
