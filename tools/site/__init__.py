"""`make site`: the docs as a site that asks no other host for anything, when it is built and when it is read."""
