"""The pair of databases: what the deployment says of it, the real servers, and what makes these as that says."""
