"""Why a route rests is said by `doctor`, by the status of its messages, in the log and metrics."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import pytest

from push_pipeline import db, status
from push_pipeline.cli.checks import examine
from push_pipeline.gateway.gauges import PipelineGauges
from push_pipeline.ledger.status import find_receipt
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.audience import ios
from tests.counted import counted
from tests.installation import APP, Installation
from tests.processes import free_port

pytestmark = pytest.mark.usefixtures("nobody_answers")


class Case(NamedTuple):
    """What goes wrong, and what is said of it."""

    name: str
    cause: str
    reason: str
    words: str


CASES = [
    Case("nobody listens", "connect", "ConnectFailed", "no connection to the provider"),
    Case("no address", "dns", "DnsFailed", "name has no address"),
    Case("not trusted", "tls", "CertificateUntrusted", "is not trusted"),
    Case("refused", "refused", "InvalidProviderToken", "refuses the credential"),
    Case("throttled", "throttled", "TooManyProviderTokenUpdates", "throttles us"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name)
def test_the_cause_of_a_rest_is_said_wherever_somebody_looks(
    installation: Installation,
    configure: Callable[..., Settings],
    caplog: pytest.LogCaptureFixture,
    case: Case,
) -> None:
    trusted = None if case.name == "not trusted" else installation.simulator.ca_file
    configure(retry_factor=1, ca_file=trusted)
    break_provider(installation, case)
    installation.context = Context()
    installation.register(ios(3))
    before = count_rests(case.cause)
    message_id = installation.publish()

    with caplog.at_level(logging.WARNING, "push_pipeline"):
        installation.work(message_id)

    lines = [one.getMessage() for one in caplog.records if one.name == "push_pipeline"]
    told = [line for line in lines if case.words in line]  # a budget that is cut is told as well
    (finding,) = [
        one.says for one in examine() if one.name == "credentials" and " apns " in f" {one.says} "
    ]
    with db.reading() as connection:
        receipt = find_receipt(connection, APP, message_id)
    said = [finding, status(message_id)["errorMessage"], receipt.error_message, *told]
    assert len(told) == 1
    for one in said:
        assert case.words in str(one)
        assert case.reason in str(one)
    assert "next probe" in finding
    assert receipt.status == "scheduled"
    assert count_rests(case.cause) == before + 1
    assert gauge(case.cause) == 1


def break_provider(installation: Installation, case: Case) -> None:
    if case.name in ("refused", "throttled"):
        action = {"reason": case.reason, "status": 403 if case.name == "refused" else 429}
        installation.simulator.rules([{"match": {"provider": "apns"}, "action": action}])
    elif case.name != "not trusted":
        host = "push.invalid" if case.name == "no address" else "127.0.0.1"
        installation.put_credentials(apns_url=f"https://{host}:{free_port()}")


def count_rests(cause: str) -> float:
    return counted("push_pipeline_route_rests_total", cause=cause)


def gauge(cause: str) -> float:
    (family,) = [
        one for one in PipelineGauges().collect() if one.name == "push_pipeline_resting_routes"
    ]
    return sum(
        sample.value
        for sample in family.samples
        if sample.labels == {"provider": "apns", "cause": cause}
    )
