"""What Cloud Monitoring watches of a stack: alert policies, whom they tell, and dashboards, from one registry."""
