"""One migration for each state of the pipeline's own schema; each runs its history."""
