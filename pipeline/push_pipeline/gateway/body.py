"""A request's body: bounded while it arrives, then a JSON object or a typed error."""

import asyncio
import re
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from push_pipeline.errors import (
    BodyLate,
    DevicesNotRemoved,
    InvalidParameter,
    MalformedBody,
    PayloadTooLarge,
    RegistrationMalformed,
    RegistrationMissing,
    UnreadableEncoding,
)
from push_pipeline.options.json_values import parse_json

#: Bytes. Ten thousand device ids of 64 characters fit; a provider's payload is 4 KiB.
BODY_MAX = 1_048_576

#: Seconds until it must have arrived: a mebibyte takes forty over EDGE.
BODY_SECONDS = 60.0

#: Objects and arrays within each other; what reads and writes JSON elsewhere bears twice as many.
DEPTH_MAX = 100

#: Names of the one compression that is read, and those of none.
_GZIP = ("gzip", "x-gzip")
_ENCODINGS = (*_GZIP, "", "identity")

#: zlib's number for a gzip header around the data.
_GZIP_WBITS = 31

_UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)

#: U+0000 as JSON writes it, with an even number of backslashes before it.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


async def read_body(request: Request) -> bytes:
    """Read the body.

    Raises:
        PayloadTooLarge: it is longer than a body may be; the rest is not read.
        BodyLate: it did not arrive in time.
        MalformedBody: the client went away before its end, or it is no gzip and says it was.
        UnreadableEncoding: it is compressed otherwise, or UTF-16.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise UnreadableEncoding(f"the content encoding {encoding[:20]!r} is not read: use gzip")
    if int(request.headers.get("content-length", 0)) > BODY_MAX:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            received = await _receive(request)
    except TimeoutError:
        raise BodyLate from None
    except ClientDisconnect:
        raise MalformedBody from None
    return as_utf8(_unpacked(received) if encoding in _GZIP else received)


def as_utf8(body: bytes) -> bytes:
    """Return a body without the mark that some put before UTF-8.

    Raises:
        UnreadableEncoding: the mark says that it is UTF-16.
    """
    if body.startswith(_UTF_16):
        raise UnreadableEncoding("the body is not UTF-8, as its first bytes say: send UTF-8")
    return body.removeprefix(BOM_UTF8)


async def _receive(request: Request) -> bytes:
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > BODY_MAX:
            raise _too_large()
    return bytes(received)


def _unpacked(packed: bytes) -> bytes:
    """Decompress a body, and no more of it than a body may have."""
    reading = zlib.decompressobj(wbits=_GZIP_WBITS)
    try:
        body = reading.decompress(packed, BODY_MAX + 1)
    except zlib.error:
        raise MalformedBody("the body is no gzip, though Content-Encoding says so") from None
    if len(body) > BODY_MAX:
        raise _too_large()
    if not reading.eof or reading.unused_data:
        raise MalformedBody("the gzip of the body is cut off, or goes on after its end")
    return body


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"a request body has at most {BODY_MAX} bytes")


async def read_object(body: Annotated[bytes, Depends(read_body)]) -> dict[str, Any]:
    """Read the body as a JSON object, whatever its Content-Type says; as `object_in`."""
    return object_in(body)


def object_in(body: bytes) -> dict[str, Any]:
    """Parse a body as a JSON object.

    Raises:
        MalformedBody: it is not UTF-8, not JSON, nested too deep, or no object.
    """
    parsed = _parse(body)
    if not isinstance(parsed, dict):
        raise MalformedBody
    return parsed


async def read_values(body: Annotated[bytes, Depends(read_body)]) -> dict[str, Any]:
    """Read the body as a JSON object that may be left out.

    Raises:
        MalformedBody: there is one, and it is no JSON object.
    """
    return object_in(body) if body.strip() else {}


async def read_registration(body: Annotated[bytes, Depends(read_body)]) -> dict[str, Any]:
    """Read the body as a registration; as `registration_in`."""
    return registration_in(body)


def registration_in(body: bytes) -> dict[str, Any]:
    """Parse a body as a registration, which has error codes of its own.

    Raises:
        RegistrationMissing: there is none.
        RegistrationMalformed: it is no JSON object.
    """
    if body.strip() in (b"", b"null", b"{}"):
        raise RegistrationMissing
    try:
        return object_in(body)
    except MalformedBody as wrong:
        raise RegistrationMalformed(str(wrong)) from None


async def read_device_ids(body: Annotated[bytes, Depends(read_body)]) -> list[str]:
    """Read the body as a list of device ids that are to be removed.

    Raises:
        DevicesNotRemoved: it is no JSON array, or has something else in it than texts.
    """
    try:
        parsed = _parse(body)
    except MalformedBody:
        raise DevicesNotRemoved from None
    if not isinstance(parsed, list) or not all(isinstance(one, str) for one in parsed):
        raise DevicesNotRemoved
    return parsed


def _parse(body: bytes) -> Any:
    try:
        parsed = parse_json("the body", body)
    except InvalidParameter as wrong:
        raise MalformedBody(str(wrong)) from None
    except ValueError:
        raise MalformedBody from None
    if _NUL.search(body):
        raise InvalidParameter("a text holds the character U+0000")
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _is_deep(parsed):
        raise MalformedBody(f"the body has more than {DEPTH_MAX} levels")
    return parsed


def _is_deep(parsed: object) -> bool:
    level = [parsed]
    for _ in range(DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: Any) -> Iterable[object]:
    inner = value.values() if isinstance(value, dict) else value
    return (one for one in inner if isinstance(one, dict | list)) if inner else ()


JsonObject = Annotated[dict[str, Any], Depends(read_object)]
OptionalObject = Annotated[dict[str, Any], Depends(read_values)]
DeviceIds = Annotated[list[str], Depends(read_device_ids)]
RegistrationBody = Annotated[dict[str, Any], Depends(read_registration)]
