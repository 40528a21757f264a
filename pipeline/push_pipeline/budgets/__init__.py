"""Rates that all workers keep together: of a credential to its provider, and of a message."""

from push_pipeline.budgets.bucket import Ask, Bucket, Grant, Limits
from push_pipeline.budgets.limits import budget_key, limits_of, pace_key, pace_limits, slice_limit
from push_pipeline.budgets.report import says
from push_pipeline.budgets.shared import Budgets, read_bucket

__all__ = [
    "Ask",
    "Bucket",
    "Budgets",
    "Grant",
    "Limits",
    "budget_key",
    "limits_of",
    "pace_key",
    "pace_limits",
    "read_bucket",
    "says",
    "slice_limit",
]
