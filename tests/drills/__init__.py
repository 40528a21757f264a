"""What takes too long, or too much installing, for every run of the tests: `make drills`."""
