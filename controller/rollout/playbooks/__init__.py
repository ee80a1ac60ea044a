"""Running an Ansible playbook of ours: progress, spans, and the end of each host."""
