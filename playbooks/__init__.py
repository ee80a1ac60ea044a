"""Ansible playbooks, with an inventory fed by the same city files."""
