"""The VPC: firewall, private access, load balancer."""
