"""A program: use a transport, fork, use it in the child and again in the parent."""

import json
import os
import ssl
import sys

from push_workers.senders.http2 import Transport


def main(port: str, ca_file: str) -> None:
    transport = Transport("localhost", int(port), tls=ssl.create_default_context(cafile=ca_file))

    def send(who: str) -> list[str]:
        paths = [b"/%s/%d" % (who.encode(), number) for number in range(50)]
        return [one.kind.value for one in transport.send_many(paths, b"{}", headers=lambda _: [])]

    found = {"before": send("before")}
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, json.dumps(send("child")).encode())
        transport.close()
        os._exit(0)
    os.close(writer)
    os.wait()
    with os.fdopen(reader) as pipe:
        found["child"] = json.load(pipe)
    found["after"] = send("after")
    found["connects"] = transport.stats.connects
    transport.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
