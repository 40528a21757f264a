"""Platforms: one folder each, the same four files in each."""
