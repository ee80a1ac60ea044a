"""Measurements that a person made with one device on a speed-test site (簡易帯域測定): read, kept, and never mixed."""
