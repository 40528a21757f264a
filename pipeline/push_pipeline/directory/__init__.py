"""Apps, credentials, channels, devices and users: who is there and where.

The caller owns the transaction: nothing here commits.
"""
