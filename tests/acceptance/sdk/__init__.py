"""The unmodified SDK, before one installation that ends with the last of these tests."""
