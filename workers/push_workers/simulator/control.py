"""The control API: what a test may ask and order. JSON over plain HTTP on loopback.

| call | does |
|---|---|
| `PUT /rules` | replaces the rules |
| `PATCH /behaviour`, `GET /behaviour` | changes or shows the switches |
| `POST /faults/{kind}` | goaway, drop, close-idle, limit, stall, revoke-tokens, clock |
| `POST /devices`, `GET /devices/{token}` | registers devices; shows what a user would see |
| `POST /keys` | makes another APNs signing key known |
| `GET /log`, `/received`, `/attempts`, `/seen`, `/duplicates`, `/metrics` | what happened |
| `GET /simulator` | ids, ports, URLs, files |
| `POST /reset` | forgets rules, devices, behaviour, log and counts |
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import orjson
from pydantic import TypeAdapter, ValidationError

from push_workers.simulator.behaviour import changed
from push_workers.simulator.devices import Device
from push_workers.simulator.faults import Faults
from push_workers.simulator.journal import duplicates
from push_workers.simulator.keyring import SigningKey
from push_workers.simulator.messages import Answer, Request
from push_workers.simulator.rules import Rule
from push_workers.simulator.world import World

_JSON = (("content-type", "application/json"),)
_RULES = TypeAdapter(list[Rule])
_DEVICES = TypeAdapter(list[Device])
_KEYS = TypeAdapter(list[SigningKey])
_CHANGES = TypeAdapter(dict[str, Any])


class UnknownCallError(LookupError):
    """There is no such call."""


class Control:
    """Carries out calls on one process."""

    def __init__(self, world: World, faults: Faults, info: dict[str, Any]) -> None:
        self._world = world
        self._faults = faults
        self._info = info
        self._calls: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("PUT", "/rules"): self._set_rules,
            ("PATCH", "/behaviour"): self._change_behaviour,
            ("GET", "/behaviour"): lambda _body: world.behaviour.model_dump(),
            ("POST", "/devices"): self._register,
            ("POST", "/keys"): self._add_keys,
            ("GET", "/log"): lambda _body: world.journal.log(),
            ("GET", "/received"): lambda _body: world.journal.received,
            ("GET", "/attempts"): lambda _body: world.rules.attempts,
            ("GET", "/seen"): lambda _body: world.journal.seen_rows(),
            ("GET", "/duplicates"): lambda _body: duplicates(world.journal.seen_rows()),
            ("GET", "/metrics"): lambda _body: self._metrics(),
            ("GET", "/simulator"): lambda _body: self._info,
            ("POST", "/reset"): lambda _body: world.reset(),
        }

    def respond(self, request: Request) -> Answer:
        """Answer one HTTP request."""
        try:
            content = self.call(request.method, request.path, request.body)
        except UnknownCallError:
            return error(404, "no such call")
        except ValidationError as invalid:
            return error(400, describe(invalid))
        except ValueError as invalid:
            return error(400, str(invalid))
        return Answer(200, _JSON, orjson.dumps(content))

    def call(self, method: str, path: str, body: bytes) -> Any:
        """Carry out one call and return what it answers."""
        call = self._calls.get((method, path))
        if call is not None:
            return call(body)
        group, _, name = path[1:].partition("/")
        if (method, group) == ("POST", "faults"):
            return self._faults.commit(name, orjson.loads(body or b"{}"))
        if (method, group) == ("GET", "devices"):
            return self._show_device(unquote(name))
        raise UnknownCallError(path)

    def _set_rules(self, body: bytes) -> dict[str, int]:
        rules = _RULES.validate_json(body)
        self._world.rules.set(rules)
        return {"rules": len(rules)}

    def _change_behaviour(self, body: bytes) -> dict[str, Any]:
        changes = _CHANGES.validate_json(body)
        self._world.behaviour = changed(self._world.behaviour, changes)
        return self._world.behaviour.model_dump()

    def _register(self, body: bytes) -> dict[str, int]:
        devices = _DEVICES.validate_json(body)
        now = self._world.clock.now()
        for device in devices:
            self._world.registry.register(device, now)
        return {"devices": len(devices)}

    def _show_device(self, token: str) -> dict[str, Any]:
        world = self._world
        device = world.registry.devices.get(token)
        return {
            "device": device.model_dump() if device else None,
            "screens": world.registry.show(token),
            "subscriptions": world.subscriptions.of(token),
        }

    def _add_keys(self, body: bytes) -> dict[str, int]:
        keys = _KEYS.validate_json(body)
        for key in keys:
            self._world.keyring.add(key)
        return {"keys": len(keys)}

    def _metrics(self) -> dict[str, Any]:
        world = self._world
        return {
            **world.tally.as_json(),
            "live": self._faults.live(),
            "jwts": world.keyring.tokens_seen,
            "requests": world.journal.answers.total(),
            "processed": world.journal.received.total(),
            "answers": world.journal.answers,
        }


def error(status: int, text: str) -> Answer:
    """Write an error of the control API."""
    return Answer(status, _JSON, orjson.dumps({"error": text}), text)


def describe(invalid: ValidationError) -> str:
    """Return what is wrong with a body, in one line."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in invalid.errors()
    )
