"""Lists (CSV) that people bring to a change of stage: printers, what was issued, reservations of addresses."""
