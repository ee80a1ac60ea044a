"""Commands about devices: plan, drift, apply, trust, playbook."""
