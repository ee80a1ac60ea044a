"""What Google answers of its own: names, numbers, links and addresses, plausible and never a real thing's."""
