"""The tests: unit, integration, acceptance and faults, over the services of `tests.services`."""
