"""HTTP on the wire: bytes that are no request are answered in the API's shape as well."""

from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.gateway.errors import NO_SUCH_ROUTE, fault


class Protocol(HttpToolsProtocol):
    """The server's own protocol, save for what it says to what it cannot read."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and close: nobody knows where a next request would begin."""
        answer = fault(400, NO_SUCH_ROUTE, msg, {"Connection": "close"})
        status = HTTPStatus.BAD_REQUEST
        lines = [f"HTTP/1.1 {status} {status.phrase}".encode()]
        lines += [b"%s: %s" % header for header in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()
