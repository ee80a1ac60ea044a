"""The proofs of devices, of a city and of a plan, and the proofs done before."""
