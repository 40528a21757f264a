"""APNs: the checks in their order, the answer, and what an answer does to the connection."""

import hashlib
import uuid

from push_workers.simulator.apns import activities, authentication, broadcast, checks
from push_workers.simulator.apns.reasons import USUAL, rejection
from push_workers.simulator.devices import Device
from push_workers.simulator.link import Link
from push_workers.simulator.messages import Answer, Finding, Push, Request
from push_workers.simulator.rules import Action
from push_workers.simulator.service import Service, shaped

#: What an error answer costs of the error budget; everything else costs 1. Unregistered tokens
#: are part of normal life and cost nothing.
_ERROR_WEIGHTS = {"BadDeviceToken": 5, "Unregistered": 0, "ExpiredToken": 0}


class ApnsService(Service):
    """The stand-in for api.push.apple.com."""

    provider = "apns"

    def judge(self, link: Link, request: Request) -> Finding:
        """Check a device request, or one about broadcasts; the first fault decides."""
        if broadcast.is_about_broadcasts(request.path):
            return broadcast.judge(self.world, link, request)
        token = checks.token_of(request.path)
        apns_id = self._apns_id(request, token)
        fault = checks.path_fault(request.method, request.path)
        if fault is None and request.repeated:
            fault = "DuplicateHeaders"
        if fault is None:
            header = request.headers.get("authorization")
            fault = authentication.fault(self.world, link.binding, header)
            if fault is None:
                return self._judge_notification(link, request, token, apns_id)
        return Finding(rejection(fault, apns_id), token)

    def rejection(self, request: Request, finding: Finding, action: Action) -> Answer:
        """Write the answer that a rule asks for."""
        apns_id = self._apns_id(request, finding.token)
        reason = action.reason or USUAL.get(action.status or 0, "")
        dead_since = action.dead_since
        if dead_since is None:
            dead_since = int(self.world.clock.now() * 1000)  # it died just now
        answer = rejection(reason, apns_id, status=action.status, dead_since=dead_since)
        if action.retry_after is not None:
            wait = self.world.clock.retry_after(action.retry_after, as_date=action.retry_after_date)
            answer = answer._replace(headers=(*answer.headers, ("retry-after", wait)))
        return shaped(answer, action.shape)

    def head_token(self, path: str) -> str:
        """Return the token of a device path."""
        return checks.token_of(path)

    def after(self, link: Link, answer: Answer) -> None:
        """Raise or lower the stream limit, and hang up on a client that errs too often."""
        behaviour = self.world.behaviour
        binding = link.binding
        if binding.is_trusted:
            link.limit(self._stream_limit(answer))
        if not answer.reason or behaviour.error_budget is None:
            return
        binding.errors += _ERROR_WEIGHTS.get(answer.reason, 1)
        if binding.errors > behaviour.error_budget:
            binding.errors = 0
            link.goaway("TooManyErrors", close=True)

    def _stream_limit(self, answer: Answer) -> int:
        behaviour = self.world.behaviour
        lowered = behaviour.streams_after_error
        is_fault = 400 <= answer.status < 500 and answer.status != 410  # noqa: PLR2004 - HTTP statuses
        return lowered if lowered is not None and is_fault else behaviour.streams

    def _judge_notification(
        self, link: Link, request: Request, token: str, apns_id: str
    ) -> Finding:
        headers = self._headers(link, request)
        topic = checks.bundle_id(headers.topic) if headers.topic else ""
        fault = (
            checks.id_fault(request.headers.get("apns-id"))
            or checks.header_fault(headers)
            or self._topic_fault(link, headers, topic)
            or checks.size_fault(len(request.body), headers.push_type)
        )
        if fault is not None:
            return Finding(rejection(fault, apns_id), token, topic)
        logical = checks.logical_id(request.body, self.world.behaviour.logical_key)
        if logical is None:  # no reason is published for a body that is no JSON: a guess
            return Finding(rejection("PayloadEmpty", apns_id), token, topic)
        if checks.aps_fault(request.body, headers.push_type):
            return Finding(rejection("InvalidPushType", apns_id), token, topic)
        fault = self._activity_fault(token, request.body, headers)
        if fault is not None:
            return Finding(rejection(fault, apns_id), token, topic)
        # An activity's token says by its kind what it is for, others by their topic.
        live = headers.push_type == activities.PUSH_TYPE
        fault = self._token_fault(token, topic if live else headers.topic or "")
        if fault is not None:
            return Finding(self._refusal(fault, token, apns_id), token, topic)
        return self._accepted(
            request,
            headers,
            Finding(Answer(200, self._answer_headers(apns_id)), token, topic, logical),
        )

    def _activity_fault(self, token: str, body: bytes, headers: checks.Headers) -> str | None:
        fault = None
        if headers.push_type == activities.PUSH_TYPE:
            fault = activities.fault(body, headers.priority)
        device = self.world.registry.devices.get(token)
        if fault is not None or device is None:
            return fault
        return activities.token_fault(device.kind, body, headers.push_type)

    def _accepted(self, request: Request, headers: checks.Headers, finding: Finding) -> Finding:
        expiration = headers.expiration
        expires_at = None if expiration is None else float(expiration)
        live = headers.push_type == activities.PUSH_TYPE
        stamp = activities.aps_of(request.body)["timestamp"] if live else None
        logical = finding.logical_id or request.headers.get("apns-id", "").lower()
        return finding._replace(
            logical_id=logical or hashlib.blake2b(request.body, digest_size=8).hexdigest(),
            push=Push(request.body, headers.collapse_id or "", expires_at, stamp),
        )

    def _headers(self, link: Link, request: Request) -> checks.Headers:
        get = request.headers.get
        return checks.Headers(
            get("apns-expiration"),
            get("apns-priority"),
            get("apns-push-type"),
            get("apns-collapse-id"),
            get("apns-topic", link.binding.certificate_topic),
        )

    def _topic_fault(self, link: Link, headers: checks.Headers, topic: str) -> str | None:
        binding = link.binding
        if binding.certificate_topic is not None:
            allowed = topic == binding.certificate_topic
            return (
                None
                if allowed and headers.push_type not in checks.TOKEN_ONLY
                else "TopicDisallowed"
            )
        topics = binding.token.key.topics if binding.token is not None else None
        if topics is not None and headers.topic not in topics:
            return "TopicDisallowed"
        if self.world.behaviour.any_topic or topic in self.world.topics:
            return None
        return "TopicDisallowed"

    def _token_fault(self, token: str, topic: str) -> str | None:
        if not checks.is_token(token):
            return "BadDeviceToken"
        device = self.world.registry.devices.get(token)
        fault = _device_fault(device, topic, self.world.behaviour.environment) if device else None
        if fault is not None:
            return fault
        per_minute = self.world.behaviour.apns_device_per_minute
        if per_minute is None or self.world.allowance.take(
            token, per_minute, self.world.clock.scale
        ):
            return None
        return "TooManyRequests"

    def _refusal(self, fault: str, token: str, apns_id: str) -> Answer:
        device = self.world.registry.devices.get(token)
        return rejection(fault, apns_id, dead_since=device.dead_since if device else None)

    def _apns_id(self, request: Request, token: str) -> str:
        """Return the id of the answer: the client's own, or one that the seed decides."""
        given = request.headers.get("apns-id")
        case = self.world.behaviour.apns_id_case
        if given is None:
            made = str(uuid.UUID(bytes=self.world.rules.digest("apns-id", token), version=4))
            return made if case == "lower" else made.upper()
        if case == "echo":
            return given
        return {"upper": given.upper(), "lower": given.lower(), "swap": given.swapcase()}[case]

    def _answer_headers(self, apns_id: str) -> tuple[tuple[str, str], ...]:
        if self.world.behaviour.environment != "sandbox":
            return (("apns-id", apns_id),)
        unique = str(uuid.uuid5(uuid.NAMESPACE_OID, apns_id))
        return (("apns-id", apns_id), ("apns-unique-id", unique))


def _device_fault(device: Device, topic: str, environment: str) -> str | None:
    if device.environment != environment:
        return "BadDeviceToken"
    if device.topic not in (None, topic):
        return "DeviceTokenNotForTopic"
    return {"active": None, "dead": "Unregistered", "expired": "ExpiredToken"}[device.state]
