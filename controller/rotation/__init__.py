"""Logins of devices are rotated: the new one is set and proved before the old one goes."""
