"""How a device is registered, found, subscribed and put out of service.

A registration, step by step; `register` calls them in this order:

1. `registration.check_registration`: what a device says of itself is checked. Pure.
2. `locks.lock_stripes`: nobody else decides about this device or token meanwhile.
3. `conflicts.in_rounds`: of several, what concerns the same device or token comes in turn. Pure.
4. `locks.lock_holders`: who has this device id or this token now?
5. `conflicts.plan_room`: who has to leave, or to give a token away? Pure; `register` does it.
6. `upsert.upsert_devices`, `upsert.subscribe_devices`: the rows are written.

The caller owns the transaction: nothing here commits, save `register_device`,
`unregister_device`, `inventory` and `owners`, which are Python's own surface.
"""
