"""Messages, runs, batches and deliveries: every change of their state, and nothing else does it.

The caller owns the transaction: nothing here commits.
"""
