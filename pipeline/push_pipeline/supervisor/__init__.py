"""Everything on one machine in one process tree: what `up` and `demo` start and stop."""
