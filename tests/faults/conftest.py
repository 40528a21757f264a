"""What drills in one process share: a simulator, and an app whose credentials point at it."""

from tests.integration.conftest import installation, simulator

__all__ = ["installation", "simulator"]
