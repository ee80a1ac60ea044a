"""Answers who may reach what, and which data may go where, with the reasons."""
