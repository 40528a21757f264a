"""A batch of requests as the senders make them, and its endings counted."""

from collections import Counter

from push_workers.senders.http2 import Ended

HEADERS = [(b"authorization", b"bearer e30"), (b"apns-topic", b"com.example.app")]


def send(transport, count, body=b"{}", **options):
    """Send to as many paths as told; request `n` has the path `/3/device/n`."""
    paths = [b"/3/device/%d" % n for n in range(count)]
    return transport.send_many(paths, body, headers=lambda _: HEADERS, **options)


def kinds(endings):
    """How many requests ended in which way."""
    return Counter((ending.kind, ending.detail) for ending in endings)


def assert_each_answer_is_its_own(endings):
    """The server put each request's path into its answer."""
    for number, ending in enumerate(endings):
        if ending.kind is Ended.ANSWER:
            assert ending.header("x-path") == f"/3/device/{number}"
