"""What a broker's URL may be, and what is never said of it."""

from collections.abc import Callable

import pytest

from push_pipeline import queues
from push_pipeline.broker_address import sentinels_in, tls_of, verified
from push_pipeline.budgets import read_bucket
from push_pipeline.errors import SettingsError
from push_pipeline.settings import Settings


@pytest.mark.parametrize("special", ["/", "#", "?", "/@", "?x=@", "\u2100"])
@pytest.mark.parametrize("before", ["s3cr", "12", ""])
def test_no_part_of_a_password_is_told(special: str, before: str) -> None:
    url = f"redis://:{before}{special}et99@broker:6379/0"

    with pytest.raises(SettingsError, match="PIPELINE_BROKER_URL: write") as refused:
        Settings(broker_url=url)
    assert "et99" not in str(refused.value)
    assert "s3cr" not in str(refused.value)
    assert "broker:" not in str(refused.value)


def test_no_part_of_a_database_password_is_told() -> None:
    with pytest.raises(SettingsError, match="PIPELINE_DATABASE_URL: write") as refused:
        Settings(database_url="postgresql://me:s3cr@et99@host/db")
    assert "et99" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://broker",
        "redis://broker:6379",
        "redis://broker/",
        "redis://user:p%2Fw%40@broker:6379/15",
        "redis://[::1]:6379/0",
        "rediss://broker:6380/0?ssl_cert_reqs=none",
        "redis+socket:///run/push%40pipeline/redis.sock",
        "redis://one:6379/0;redis://other:6379/0",
    ],
)
def test_usual_addresses_are_taken(url: str) -> None:
    assert Settings(broker_url=url).broker_url == url


def test_sentinels_need_the_name_of_their_group() -> None:
    url = "sentinel://:s3cr%40et@one:26379/0;sentinel://other/0"

    assert Settings(broker_url=url, broker_master="push").broker_url == url
    assert sentinels_in(url) == [("one", 26_379), ("other", 26_379)]
    with pytest.raises(SettingsError, match=r"PIPELINE_BROKER_MASTER: set it too") as refused:
        Settings(broker_url=url)
    assert "s3cr" not in str(refused.value)


def test_a_server_beside_sentinels_is_refused() -> None:
    with pytest.raises(SettingsError, match="sentinels only, or none"):
        Settings(broker_url="sentinel://one/0;redis://two/0", broker_master="push")


def test_rabbitmq_has_a_virtual_host_and_no_redis_beside_it() -> None:
    url = "amqp://push:s3cr%40et@one:5672/push;amqp://push:s3cr%40et@two:5672/push"

    assert Settings(broker_url=url).broker_url == url
    with pytest.raises(SettingsError, match="servers of RabbitMQ only, or none"):
        Settings(broker_url="amqp://one;redis://two/0")


def test_budgets_of_workers_on_rabbitmq_are_in_a_redis_of_their_own(
    configure: Callable[..., Settings],
) -> None:
    configure(broker_url="amqp://broker")
    assert read_bucket("of nobody") is None

    with pytest.raises(SettingsError, match="PIPELINE_BUDGETS_URL: start it with redis://"):
        configure(budgets_url="amqp://broker")


def test_rabbitmq_gets_replicated_queues_and_no_task_before_its_time(
    configure: Callable[..., Settings],
) -> None:
    configure(broker_url="redis://broker/0")
    assert queues.horizon_ms() == queues.HORIZON_MS
    assert not any(queue.queue_arguments for queue in queues.task_queues())

    configure(broker_url="amqp://broker")
    assert queues.horizon_ms() == 0
    assert all(
        queue.queue_arguments == {"x-queue-type": "quorum"} for queue in queues.task_queues()
    )


def test_the_database_is_a_number() -> None:
    with pytest.raises(SettingsError, match="number of a database"):
        Settings(broker_url="redis://broker:6379/push")


def test_tls_verifies_unless_the_url_says_otherwise() -> None:
    assert verified("redis://a", "/ca.pem") == "redis://a"
    assert verified("rediss://a/0", None) == "rediss://a/0?ssl_cert_reqs=required"
    assert verified("rediss://a?ssl_cert_reqs=none", None) == "rediss://a?ssl_cert_reqs=none"
    both = verified("redis://a;rediss://b?client_name=x", "/my ca.pem")
    assert both == (
        "redis://a;rediss://b?client_name=x&ssl_cert_reqs=required&ssl_ca_certs=/my%20ca.pem"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+socket:///a", "a socket of this machine"),
        ("redis://a", "without TLS"),
        ("rediss://a", "TLS, certificate verified"),
        ("rediss://a?ssl_cert_reqs=CERT_NONE", "TLS without a check of the certificate"),
        ("rediss://a?ssl_check_hostname=False", "TLS without a check of the certificate's name"),
        ("rediss://a;redis://b", "without TLS"),
    ],
)
def test_doctor_can_say_how_the_broker_is_reached(url: str, said: str) -> None:
    assert tls_of(url) == said
