"""Fixtures for every test: a clean environment."""

import os

import pytest

from pipeline.settings import reset_settings
from pipeline.settings_report import PREFIX


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No setting of the machine reaches a test, and none of a test reaches the next."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    reset_settings()
    yield
    reset_settings()
