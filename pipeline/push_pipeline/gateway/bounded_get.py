"""One GET of a stranger's document: bounded in time and bytes as a whole, no redirect followed.

Time-outs of single reads are no bound: a server that drips a byte a second meets each of them.
"""

import asyncio
import ssl
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

import httptools

from push_pipeline.trust import trust

#: Seconds for all of it: name, connection, TLS, question and answer.
DEADLINE_SECONDS = 4.0

#: Bytes of an answer with its head. A key set of a dozen RSA keys has eight thousand.
ANSWER_MAX = 65_536

_PORTS = {"http": 80, "https": 443}


class GetFailed(Exception):
    """The document did not come; the text says why and quotes nothing of the answer."""


async def get(url: str, ca_file: str | None) -> bytes:
    """Return what a URL leads to. No proxy is used.

    Raises:
        GetFailed: too late, too long, a status other than 200, no TLS, no HTTP, nobody there.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _get(urlsplit(url), ca_file)
    except TimeoutError:
        raise GetFailed("late") from None
    except (OSError, httptools.HttpParserError, ValueError) as error:
        raise GetFailed(type(error).__name__) from None


async def _get(url: SplitResult, ca_file: str | None) -> bytes:
    secure: ssl.SSLContext | None = None
    if url.scheme == "https":
        secure = await asyncio.to_thread(trust, ca_file)  # reads files
    port = url.port or _PORTS[url.scheme]
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure)
    try:
        writer.write(_question(url))
        return await _answer(reader)
    finally:
        writer.transport.abort()  # whoever has not answered in time does not say goodbye either


def _question(url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        "Accept: application/json",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    received = 0
    while not answer.complete and (part := await reader.read(ANSWER_MAX)):
        received += len(part)
        if received > ANSWER_MAX:
            raise GetFailed("too long")
        parser.feed_data(part)
    if parser.get_status_code() != HTTPStatus.OK:
        raise GetFailed(f"status {parser.get_status_code()}")
    return bytes(answer.body)


class _Answer:
    """What the parser finds, by the names that it looks for."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.complete = True
