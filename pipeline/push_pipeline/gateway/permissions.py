"""Whether a caller may do what they ask for; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from push_pipeline.directory.access import Grant, PublishRule
from push_pipeline.errors import OperationDenied, PublishDenied
from push_pipeline.gateway.keyless import require_impersonal
from push_pipeline.gateway.quotas import require_few, require_slow
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.options.channel import normal_name

#: The roles that everybody has, by the API's names.
KNOWN_USER = "AuthenticatedUser"
NOBODY = "NotAuthenticatedUser"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: what their key grants, and the user that they act for, if any.

    Without a key they may do what the app lets anybody do.
    """

    grant: Grant
    publish_rules: tuple[PublishRule, ...] = ()
    user_id: str | None = None
    user_roles: frozenset[str] = frozenset()
    device_proof: bool = False
    keyless: bool = False
    time_zone: str = "UTC"  # the app's
    app_publish_rate: int | None = None

    @property
    def app_id(self) -> str:
        """The app that they act in."""
        return self.grant.app_id

    @property
    def roles(self) -> frozenset[str]:
        """The user's roles, and the one that says whether there is a user."""
        return self.user_roles | {NOBODY if self.user_id is None else KNOWN_USER}

    def require(self, scope: str) -> None:
        """Check a scope.

        Raises:
            OperationDenied: the key does not have it.
        """
        if scope not in self.grant.scopes:
            raise OperationDenied(f"this needs a key with the scope {scope}")

    def require_some(self) -> None:
        """Check that they may do anything at all: an app that is closed tells nothing of itself.

        Raises:
            OperationDenied: they may not.
        """
        if not self.grant.scopes:
            raise OperationDenied("this needs a key")

    def require_key(self) -> None:
        """Check that they have a key, whatever the app lets anybody do.

        Raises:
            OperationDenied: they have none.
        """
        if self.keyless:
            raise OperationDenied("this needs a key")

    @property
    def has_pace(self) -> bool:
        """Whether their publishes are counted, against the key's bound or the app's."""
        return self.grant.publish_rate is not None or self.app_publish_rate is not None

    @property
    def is_admin(self) -> bool:
        """Whether they may do all in their app."""
        return "admin" in self.grant.scopes

    def require_delivery(self, to: DeliveryOptions) -> None:
        """Check whether they may send to this audience, and as often.

        Raises:
            OperationDenied: the segment asks about people, and they have no key.
            QuotaExceeded: it is repeated too often for them.
        """
        if self.keyless:
            require_impersonal(to.segment_query)
        if not self.is_admin:
            require_slow(to)

    def require_channels(self, count: int) -> None:
        """Check whether they may register a device in so many channels at once.

        Raises:
            QuotaExceeded: they may not.
        """
        if not self.is_admin:
            require_few(count)

    def require_publishing(self) -> None:
        """Check whether they may publish anywhere, before it is told what there is.

        Raises:
            PublishDenied: they may not.
        """
        if "publish" not in self.grant.scopes:
            raise PublishDenied("publishing needs a key with the scope publish")

    def require_publish(self, channel: str) -> None:
        """Check whether they may publish to a channel, or to all where it has no name.

        The key's scope and patterns decide first, then the first rule that fits the channel. A
        channel that no rule fits is open. For all channels each rule has to let them.

        Raises:
            PublishDenied: they may not.
        """
        self.require_publishing()
        channel = normal_name(channel)
        patterns = self.grant.channel_patterns
        if patterns is not None and not any(_fits(channel, one) for one in patterns):
            raise PublishDenied("the key is not for this channel")
        if any(self.roles.isdisjoint(rule.roles) for rule in self._rules_for(channel)):
            where = "on this channel" if channel else "on each of the app's channels"
            raise PublishDenied(f"no role of the user may publish {where}")

    def _rules_for(self, channel: str) -> Sequence[PublishRule]:
        if channel == EVERY_CHANNEL:
            return self.publish_rules
        return [one for one in self.publish_rules if _fits(channel, one.channel)][:1]


def _fits(channel: str, pattern: str) -> bool:
    return fnmatchcase(channel, normal_name(pattern))
