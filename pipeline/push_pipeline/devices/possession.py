"""Who speaks for a device, and whether they have shown that it is theirs. Pure.

A device's id is all that a registration names it by. Whoever learns one must not get what is meant
for the device's user: so a device that gets another token stays its user's only where the caller
is trusted, is that user, or shows the token that the device had.
"""

import hmac
from dataclasses import dataclass, field

from push_pipeline.errors import OperationDenied


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who speaks for a device.

    `trusted` are the host's own code, and keys with the scope `admin`. `user_id` is proved by a
    user token; `token` is what the caller showed as the device's. `must_show` is the app's rule
    that a device is changed and removed only by who owns it.
    """

    trusted: bool = False
    user_id: str | None = None
    token: str | None = field(default=None, repr=False)
    must_show: bool = False

    def require(self, token: str, user_id: str | None) -> None:
        """Check whether they may change or remove the device that has this token and this user.

        Raises:
            OperationDenied: they have not shown that it is theirs, and the app demands it.
        """
        if self.must_show and not self.owns(token, user_id):
            raise OperationDenied(
                "this app's devices are changed only by who shows their token (device-token)"
            )

    def owns(self, token: str, user_id: str | None) -> bool:
        """Tell whether the device that has this token and this user is theirs."""
        if self.trusted or (self.user_id is not None and self.user_id == user_id):
            return True
        if self.token is None:
            return False
        # Those of APNs are kept in small letters, whatever a client writes.
        shown = (self.token, self.token.lower())
        return any(hmac.compare_digest(one.encode(), token.encode()) for one in shown)


#: The host's own code: Python, the command line, Django's views.
HOST = Claimant(trusted=True)
