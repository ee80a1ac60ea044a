"""Yamaha RTX routers."""
