"""Where clauses: conditions on devices, as a segment or a console states them.

    os = 'IOS' AND user.age >= 18 AND NOT channelName LIKE 'beta%'

Rules, the same on PostgreSQL and SQLite:

- Columns are those of a registration: objectId, deviceId, deviceToken, os, osVersion,
  channelName, expiration, created, updated, ownerId, locale; a user's properties (`user.name`,
  `user.address.city`; `user.objectId` is the user's id) and the device's own
  (`properties.name`). The times are epoch milliseconds.
- A registration is a device in a channel, and the whole clause is asked of one registration at
  a time. A device with several that match is one device.
- Logic has three values, as in SQL: what cannot be compared is unknown, NOT unknown is unknown,
  and only what is true matches. A property that is absent or null IS NULL; one that is a list
  or an object cannot be compared.
- A text and a quoted text are compared character by character, exactly, in the order of code
  points. `os` is compared in capitals.
- Numbers are compared as numbers. True and false count as 1 and 0. A text on one side and a
  number on the other: the text is read as a number if it looks like one (`'17'`, `'-2.5'`,
  and `'17.1.2'`, which is 17.1), otherwise the comparison is unknown. A quoted value that meets
  a number or a time may also be `'true'`, `'false'` or a date in ISO 8601 (UTC where it names
  no zone).
- LIKE takes texts only and ignores the case of A to Z; `%` is any text, `_` any character,
  and a backslash takes the meaning from the character after it.
"""

from push_pipeline.whereclause.conditions import Condition
from push_pipeline.whereclause.parser import check_segment, parse_clause
from push_pipeline.whereclause.sql import matches, needs_user

__all__ = ["Condition", "check_segment", "matches", "needs_user", "parse_clause"]
