"""Applications behind the load balancer, and who may use them."""
