"""What comes in from outside: opened, counted and bounded before it is parsed, escaped before it is shown."""
