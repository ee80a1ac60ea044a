"""What the tasks of playbooks do: the inventory, the drift of a device, a new switch."""
