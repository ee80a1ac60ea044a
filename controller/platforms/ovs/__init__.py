"""Open vSwitch."""
