"""hostapd, of Linux access points."""
