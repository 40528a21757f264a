"""Everything that runs behind the queue."""
