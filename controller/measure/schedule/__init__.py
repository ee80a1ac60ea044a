"""When throughput is tested at real schools: a pure plan of a day's slots, and a record of those that were missed."""
