"""Settings of what an application runs on: images, containers, the web firewall, backups."""
