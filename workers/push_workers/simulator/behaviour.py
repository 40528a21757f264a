"""How strict and how slow the stand-ins are: one frozen value, replaced while they run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Behaviour(BaseModel):
    """Every switch with its default. The defaults are what the providers are known to do.

    Changed over the control API by naming only the fields that change; a wrong name is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # ---- connections of APNs
    initial_streams: int = 1  # until the first provider token was accepted
    streams: int = 1000  # after it
    streams_after_error: int | None = None  # after a 4xx, until the next success
    fcm_streams: int = 100
    overrun: Literal["refuse", "goaway"] = "refuse"
    error_budget: int | None = None  # disconnect after so many; BadDeviceToken weighs 5, 410 none
    require_alpn: bool = False  # Apple tolerates a bare HTTP/2 preface

    # ---- connections of both
    answer_pings: bool = True
    window_bytes: int = Field(default=65_535, ge=0)
    grant_window: bool = True
    index_headers: bool = True
    idle_seconds: float | None = None  # close connections that are idle for so long
    idle_goaway: bool = True
    connects_max: int | None = None  # more connections than this within the window...
    connects_window_seconds: float = 10.0
    connects_penalty_seconds: float = 10.0  # ...and new ones are refused for so long

    # ---- answers of APNs
    environment: Literal["production", "sandbox"] = "production"
    environment_reason: Literal["BadEnvironmentKeyInToken", "BadEnvironmentKeyIdInToken"] = (
        "BadEnvironmentKeyInToken"  # what the live service sends; Apple's page has the other
    )
    apns_id_case: Literal["echo", "upper", "lower", "swap"] = "echo"  # made ids: upper, as seen
    token_updates_per_key: bool = False  # count changes of the JWT over all connections
    apns_device_per_minute: int | None = None
    topics: tuple[str, ...] = ()  # bundle ids beside the simulator's own
    any_topic: bool = False
    broadcasts: bool = True  # the capability of the bundle ids
    broadcast_channels: int = 10_000  # of an app at the most

    # ---- FCM
    oauth_expires_in_seconds: int = 3599
    oauth_fault: Literal["", "error", "slow"] = ""
    oauth_slow_seconds: float = 2.0
    projects: tuple[str, ...] = ()  # project ids beside the simulator's own
    fcm_disabled: bool = False  # 403 SERVICE_DISABLED
    ios_auth_broken: bool = False  # 401 THIRD_PARTY_AUTH_ERROR for iOS registrations
    fcm_project_per_minute: int | None = None
    fcm_device_per_minute: int | None = None

    # ---- answers of both
    delay_seconds: tuple[float, float] | None = None  # from, to: before any request is processed
    magic: bool = True  # token prefixes with a meaning
    slow_seconds: float = 2.0  # what the slow prefix waits
    logical_key: str = "mid"  # where the payload carries the message's logical id


def changed(behaviour: Behaviour, changes: dict[str, object]) -> Behaviour:
    """Return a checked copy with some fields replaced."""
    return Behaviour.model_validate({**behaviour.model_dump(), **changes})
