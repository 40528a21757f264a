"""How often Python looks for what nobody uses and what only holds itself: seldom, in few objects.

Two hundred requests that wait are so many young objects that it looks all the time, and finds
nothing. Nearly all that a request leaves is freed without being looked for.
"""

import gc

#: Objects more than there were, until it is looked through the young ones; Python's own is 700.
#: What may lie about at most is a few mebibytes.
YOUNG_MAX = 10_000


def look_seldom() -> None:
    """Leave out what is there from now on, the application and its routes, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, *gc.get_threshold()[1:])
