"""FCM: routes of its listener, the checks of one message, and the answer."""

import asyncio
import hashlib
import re
from typing import Any

import orjson

from push_workers.simulator.fcm import checks, errors, topics
from push_workers.simulator.fcm.oauth import TokenEndpoint
from push_workers.simulator.link import Link
from push_workers.simulator.messages import Answer, Finding, Push, Request
from push_workers.simulator.rules import Action
from push_workers.simulator.service import Service, shaped
from push_workers.simulator.world import World

_SEND = re.compile(r"/v1/projects/([^/]+)/messages:send")
_FAKE_ID = "fake_message_id"


class FcmService(Service):
    """The stand-in for fcm.googleapis.com and for the token endpoint."""

    provider = "fcm"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.tokens = TokenEndpoint(world)

    def serve(self, link: Link, request: Request) -> None:
        """Route one request; only sends are judged, scripted and recorded."""
        if request.path == "/token":
            self._grant(link, request)
            return
        call = topics.parse(request.method, request.path)
        if call is None:
            super().serve(link, request)
            return
        fault = self._caller_fault(call.project, request)
        answer = errors.rejection(fault) if fault else topics.answer(self.world.subscriptions, call)
        link.answer(request.stream, answer)

    def judge(self, _link: Link, request: Request) -> Finding:
        """Check a send; the first fault decides."""
        route = _SEND.fullmatch(request.path)
        if route is None or request.method != "POST":
            return Finding(errors.rejection("NOT_FOUND"))
        fault = self._caller_fault(route[1], request)
        if fault is not None:
            return Finding(errors.rejection(fault))
        parsed = checks.parse(request.body)
        if isinstance(parsed, Answer):
            return Finding(parsed)
        return self._judge_message(route[1], parsed)

    def rejection(self, _request: Request, _finding: Finding, action: Action) -> Answer:
        """Write the answer that a rule asks for."""
        reason = action.reason or errors.USUAL.get(action.status or 0, "")
        if reason:
            answer = errors.rejection(reason, status=action.status)
        else:
            answer = errors.html(action.status or 502)
        if action.retry_after is not None:
            wait = self.world.clock.retry_after(action.retry_after, as_date=action.retry_after_date)
            answer = answer._replace(headers=(*answer.headers, ("retry-after", wait)))
        return shaped(answer, action.shape)

    def after(self, _link: Link, _answer: Answer) -> None:
        """Google's front ends do not move the stream limit."""

    def head_token(self, _path: str) -> str:
        """The token is in the body."""
        return ""

    def _grant(self, link: Link, request: Request) -> None:
        behaviour = self.world.behaviour
        answer = self.tokens.grant(request)
        if behaviour.oauth_fault != "slow":
            link.answer(request.stream, answer)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(behaviour.oauth_slow_seconds, link.answer, request.stream, answer)

    def _caller_fault(self, project: str, request: Request) -> str | None:
        """Check who calls, for which project, and how often."""
        fault = self.tokens.fault(request.headers.get("authorization"))
        if fault is not None:
            return fault
        if project not in self.world.projects:
            return "NOT_FOUND"
        behaviour = self.world.behaviour
        if behaviour.fcm_disabled:
            return "SERVICE_DISABLED"
        return (
            None if self._may(project, behaviour.fcm_project_per_minute) else "RATE_LIMIT_EXCEEDED"
        )

    def _judge_message(self, project: str, parsed: checks.Parsed) -> Finding:
        named = checks.target(parsed.message)
        if isinstance(named, Answer):
            return Finding(named)
        kind, value = named
        rest = {key: item for key, item in parsed.message.items() if key != kind}
        to_topic = kind in {"topic", "condition"}
        facts = checks.facts(
            orjson.dumps(rest), self.world.behaviour.logical_key, to_topic=to_topic
        )
        fault = facts.fault or checks.target_fault(kind, value)
        if fault is None and not to_topic:
            fault = self._device_fault(project, value, facts)
        if fault is not None:
            return Finding(fault, value, project)
        return self._accepted(project, value, parsed, facts, rest)

    def _accepted(
        self,
        project: str,
        token: str,
        parsed: checks.Parsed,
        facts: checks.Facts,
        rest: dict[str, Any],
    ) -> Finding:
        raw = orjson.dumps(rest)
        name = _FAKE_ID if parsed.validate_only else self._message_id(token)
        content = orjson.dumps({"name": f"projects/{project}/messages/{name}"})
        answer = Answer(200, errors.JSON_HEADERS, content)
        if parsed.validate_only:
            return Finding(answer, token, project)
        digest = hashlib.blake2b(raw, digest_size=8).hexdigest()
        logical = facts.logical_id or facts.for_apple.logical_id or digest
        return Finding(answer, token, project, logical, self._push(token, facts, raw))

    def _push(self, token: str, facts: checks.Facts, raw: bytes) -> Push:
        """Return what the device gets: one of Apple's what the `apns` block says."""
        if self._is_apple(token):
            return Push(raw, facts.for_apple.collapse, facts.for_apple.expires_at)
        ttl = facts.ttl_seconds
        expires_at = None if ttl is None else (self.world.clock.now() + ttl if ttl else 0.0)
        return Push(raw, facts.collapse, expires_at)

    def _is_apple(self, token: str) -> bool:
        device = self.world.registry.devices.get(token)
        return device is not None and device.platform == "ios"

    def _device_fault(self, project: str, token: str, facts: checks.Facts) -> Answer | None:
        behaviour = self.world.behaviour
        device = self.world.registry.devices.get(token)
        if device is not None and device.project not in (None, project):
            return errors.rejection("SENDER_ID_MISMATCH")
        if device is not None and device.state != "active":
            return errors.rejection("UNREGISTERED")
        if device is not None and device.platform != "android" and behaviour.ios_auth_broken:
            return errors.rejection("THIRD_PARTY_AUTH_ERROR")
        if facts.empty_on_apple and self._is_apple(token):
            text = "data alone goes to iOS with apns-priority 5"
            return errors.bad_request([errors.Violation("message.apns", text)])
        if self._may(token, behaviour.fcm_device_per_minute):
            return None
        answer = errors.rejection("QUOTA_EXCEEDED")
        return answer._replace(headers=(*answer.headers, ("retry-after", "60")))

    def _may(self, key: str, per_minute: int | None) -> bool:
        if per_minute is None:
            return True
        return self.world.allowance.take(key, per_minute, self.world.clock.scale)

    def _message_id(self, token: str) -> str:
        """Make an id in Google's form, decided by seed, token and its request count."""
        digest = self.world.rules.digest("fcm-name", token)
        micros = int.from_bytes(digest[:6]) % 10**13
        return f"0:15{micros:014d}%{digest[8:].hex()}"
