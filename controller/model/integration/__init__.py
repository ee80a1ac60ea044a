"""Integration (統合): the stages that schools are in, and what schools have in them."""
