"""The shop's own."""
