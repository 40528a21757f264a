"""How a device is registered, found, subscribed and put out of service.

The caller owns the transaction: nothing here commits.
"""
