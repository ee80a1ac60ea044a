"""The schools whose core is a virtual switch: one process each, with a vendor's command line and real packets."""
