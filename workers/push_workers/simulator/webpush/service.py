"""The push service: whose subscription it is, who signed, whether its browser can open it."""

import hashlib
import re
from typing import Any

import orjson

from push_workers.simulator.link import Link
from push_workers.simulator.messages import Answer, Finding, Push, Request
from push_workers.simulator.rules import Action
from push_workers.simulator.service import Service, shaped
from push_workers.simulator.webpush import checks
from push_workers.simulator.webpush.browser import UnreadableError, browser_of
from push_workers.simulator.webpush.refusals import REFUSALS, USUAL, VENDORS, refuse
from push_workers.simulator.world import World

_PATH = re.compile(rf"/({'|'.join(VENDORS)})/([A-Za-z0-9_.~-]+)")


class WebPushService(Service):
    """The stand-in for the push services of the browsers, each under a path of its own."""

    provider = "webpush"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.audiences: frozenset[str] = frozenset()  # the origins that tokens are to name

    def judge(self, _link: Link, request: Request) -> Finding:
        """Check a push; the first fault decides."""
        vendor, token = _target(request.path)
        if not token or request.method != "POST":
            return Finding(refuse(vendor, "NoSubscription"), token)
        key = checks.public_key(
            request.headers.get("authorization"), self.audiences, self.world.clock.now()
        )
        if key is None:
            return Finding(refuse(vendor, "BadSignature"), token)
        fault = (
            self._subscription_fault(token, key)
            or ("TooLarge" if len(request.body) > checks.BODY_BYTES else None)
            or checks.header_fault(vendor, request.headers)
        )
        if fault is not None:
            return Finding(refuse(vendor, fault), token, key)
        return self._opened(vendor, request, Finding(Answer(201), token, key))

    def rejection(self, request: Request, _finding: Finding, action: Action) -> Answer:
        """Write the answer that a rule asks for."""
        vendor, _ = _target(request.path)
        fault = action.reason if action.reason in REFUSALS else USUAL.get(action.status or 0, "")
        answer = refuse(vendor, fault or "Error", status=action.status)
        if action.retry_after is not None:
            wait = self.world.clock.retry_after(action.retry_after, as_date=action.retry_after_date)
            kept = tuple(one for one in answer.headers if one[0] != "retry-after")
            answer = answer._replace(headers=(*kept, ("retry-after", wait)))
        return shaped(answer, action.shape)

    def after(self, _link: Link, _answer: Answer) -> None:
        """Nothing follows on the connection."""

    def head_token(self, path: str) -> str:
        """Return the subscription that a path names."""
        return _target(path)[1]

    def _subscription_fault(self, token: str, key: str) -> str | None:
        """Check whose subscription it is. Who pushes first has made one that nobody registered."""
        device = self.world.registry.devices.get(token)
        if device is not None and device.state != "active":
            return "Gone"
        made_with = device.topic if device is not None and device.topic else None
        made_with = made_with or self.world.push_keys.setdefault(token, key)
        return None if made_with == key else "KeyMismatch"

    def _opened(self, vendor: str, request: Request, finding: Finding) -> Finding:
        """Let the browser open it. A real service cannot; ours refuses what would be lost."""
        try:
            plain = browser_of(finding.token).open(request.body)
        except UnreadableError:
            return finding._replace(answer=refuse(vendor, "BadEncryption"))
        ttl = min(int(request.headers["ttl"]), checks.LONGEST_TTL)
        digest = hashlib.blake2b(plain, digest_size=8).hexdigest()
        where = f"/m/{finding.token}-{digest}"
        return finding._replace(
            answer=Answer(201, (("location", where), ("ttl", str(ttl)))),
            logical_id=_logical_id(plain, self.world.behaviour.logical_key) or digest,
            push=Push(plain, _tag(plain), self.world.clock.now() + ttl if ttl else 0.0),
        )


def _target(path: str) -> tuple[str, str]:
    """Return the vendor and the token of a path; Google's manners and no token for any other."""
    found = _PATH.fullmatch(path)
    return (found[1], found[2]) if found else ("google", "")


def _logical_id(plain: bytes, key: str) -> str:
    return str(_data(plain).get(key, ""))


def _tag(plain: bytes) -> str:
    return str(_shown(plain).get("tag", ""))


def _data(plain: bytes) -> dict[str, Any]:
    found = _shown(plain).get("data") or _read(plain).get("data")
    return found if isinstance(found, dict) else {}


def _shown(plain: bytes) -> dict[str, Any]:
    found = _read(plain).get("notification")
    return found if isinstance(found, dict) else {}


def _read(plain: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(plain)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
