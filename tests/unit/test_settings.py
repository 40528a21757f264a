"""Settings: what is read from where, and what is refused in which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.errors import SettingsError
from push_pipeline.host import join
from push_pipeline.queues import broker_url, horizon_ms
from push_pipeline.settings import Settings, get_settings, reset_settings, settings_table


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no .env of a developer


def test_nothing_has_to_be_set():
    settings = get_settings()
    assert settings.database_url == "sqlite:///var/pipeline.db"
    assert settings.broker_url is None
    assert (settings.batch_size, settings.doubt_window) == (1000, 512)


def test_the_environment_wins_over_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PIPELINE_BATCH_SIZE=10\nPIPELINE_LEDGER=none\nOTHER=1\n")
    monkeypatch.setenv("PIPELINE_BATCH_SIZE", "20")
    settings = get_settings()
    assert (settings.batch_size, settings.ledger) == (20, "none")


def test_settings_are_read_once_until_they_are_reset(monkeypatch):
    first = get_settings()
    monkeypatch.setenv("PIPELINE_BATCH_SIZE", "20")
    assert get_settings() is first
    reset_settings()
    assert get_settings().batch_size == 20


def test_an_empty_value_means_not_set(monkeypatch):
    monkeypatch.setenv("PIPELINE_BROKER_URL", "")
    monkeypatch.setenv("PIPELINE_BATCH_SIZE", "")
    settings = get_settings()
    assert (settings.broker_url, settings.batch_size) == (None, 1000)


def test_an_unknown_name_in_the_environment_is_refused_with_the_nearest(monkeypatch):
    monkeypatch.setenv("PIPELINE_BATCHSIZE", "10")
    with pytest.raises(SettingsError, match="did you mean PIPELINE_BATCH_SIZE\\?"):
        get_settings()


def test_an_unknown_name_that_is_near_to_none_is_not_taken_for_another(monkeypatch):
    monkeypatch.setenv("PIPELINE_SHARDING", "10")
    with pytest.raises(SettingsError, match=r"PIPELINE_SHARDING: .* remove it"):
        get_settings()


@pytest.mark.parametrize("command", ["$(openssl rand -hex 32)", "`openssl rand -hex 32`"])
def test_a_command_in_the_env_file_is_refused_and_not_taken_for_a_value(tmp_path, command):
    (tmp_path / ".env").write_text(f"PIPELINE_SECRET_KEY={command}\n")
    with pytest.raises(SettingsError, match=r"PIPELINE_SECRET_KEY: .* has a command"):
        get_settings()


def test_an_unknown_name_in_the_env_file_is_refused_with_the_nearest(tmp_path):
    (tmp_path / ".env").write_text("PIPELINE_FCM_SERVICE_ACCOUNT=a.json\n")
    with pytest.raises(
        SettingsError, match=r"did you mean PIPELINE_FCM_SERVICE_ACCOUNT_(FILE|JSON)\?"
    ):
        get_settings()


def test_an_unknown_keyword_is_refused():
    with pytest.raises(SettingsError, match="PIPELINE_BATCH_SIZE"):
        Settings(batch_sizes=10)


def test_what_azure_pipelines_sets_is_not_ours(monkeypatch):
    monkeypatch.setenv("PIPELINE_WORKSPACE", "/agent/1")
    assert get_settings().batch_size == 1000


@pytest.mark.parametrize("service", ["PIPELINE", "PIPELINE_GATEWAY", "PIPELINE_API_2"])
def test_what_kubernetes_sets_for_a_service_is_not_ours(monkeypatch, service):
    for name in (
        *("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP"),
        *("PORT_8080_TCP_PROTO", "PORT_8080_TCP_PORT", "PORT_8080_TCP_ADDR", "PORT_53_UDP"),
    ):
        monkeypatch.setenv(f"{service}_{name}", "tcp://10.0.0.1:8080")
    assert get_settings().batch_size == 1000


@pytest.mark.parametrize("name", ["PIPELINE_PORTS", "PIPELINE_SERVICE", "PIPELINE_PORT_8080"])
def test_what_only_looks_like_a_service_is_refused(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=name):
        get_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "1001"),
        ("BATCH_SIZE", "many"),
        ("DOUBT_WINDOW", "0"),
        ("LEDGER", "some"),
        ("UNKNOWN_POLICY", "twice"),
        ("RETENTION_DAYS", "-1"),
        ("TICK_SECONDS", "0"),
        ("RETRY_PROFILE", "eager"),
        ("RETRY_FACTOR", "nan"),
        ("MAX_ATTEMPTS", "0"),
        ("APNS_ENVIRONMENT", "test"),
        ("DATABASE_URL", "mysql://host/db"),
        ("DATABASE_URL", "pipeline.db"),
        ("BROKER_URL", "http://host"),
        ("SECRET_KEY", "short"),
    ],
)
def test_a_value_out_of_range_is_one_line_that_names_the_setting(monkeypatch, name, value):
    monkeypatch.setenv(f"PIPELINE_{name}", value)
    with pytest.raises(SettingsError) as refused:
        get_settings()
    assert str(refused.value).startswith(f"PIPELINE_{name}: ")
    assert "\n" not in str(refused.value)


def test_every_wrong_setting_has_its_line():
    with pytest.raises(SettingsError) as refused:
        Settings(batch_size=0, ledger="some", secret_key="short")
    names = [line.partition(":")[0] for line in str(refused.value).splitlines()]
    assert sorted(names) == ["PIPELINE_BATCH_SIZE", "PIPELINE_LEDGER", "PIPELINE_SECRET_KEY"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_psycopg(scheme):
    settings = Settings(database_url=f"{scheme}://u@h/db")
    assert settings.database_url == "postgresql+psycopg://u@h/db"


def test_a_batch_must_be_answered_before_its_lease_ends():
    with pytest.raises(SettingsError, match="PIPELINE_SEND_TIMEOUT_SECONDS"):
        Settings(lease_seconds=30, send_timeout_seconds=16)


def test_a_part_of_the_apns_credential_names_what_is_missing():
    with pytest.raises(SettingsError, match="PIPELINE_APNS_TEAM_ID: set it too"):
        Settings(apns_key_file="AuthKey.p8", apns_key_id="A" * 10, apns_topic="com.example.app")
    with pytest.raises(SettingsError, match="PIPELINE_APNS_CERTIFICATE_PEM: give it, or"):
        Settings(apns_key_pem="x", apns_certificate_pem="x", apns_topic="com.example.app")
    assert Settings(apns_certificate_pem="x", apns_topic="com.example.app").apns_key_pem is None


def test_an_api_key_belongs_to_an_app():
    with pytest.raises(SettingsError, match="set PIPELINE_APP_ID too"):
        Settings(api_key="0123456789abcdef01234567")


@pytest.mark.parametrize("weak", ["7", "0123456789abcdef0123456", "k" * 64, "abcde" * 10])
def test_an_api_key_that_can_be_guessed_is_refused(weak):
    with pytest.raises(SettingsError, match="PIPELINE_API_KEY: use 24") as refused:
        Settings(app_id="shop", api_key=weak)
    assert weak not in str(refused.value)


def test_proxies_are_addresses_or_networks():
    assert Settings(trusted_proxies="10.0.0.7 fd00::/8").trusted_proxies == "10.0.0.7 fd00::/8"
    with pytest.raises(SettingsError, match="PIPELINE_TRUSTED_PROXIES: list addresses"):
        Settings(trusted_proxies="*")


@given(canary=st.text(st.characters(categories=["L", "N"]), min_size=24, max_size=40))
def test_secrets_are_never_shown(canary):
    settings = Settings(
        secret_key=canary,
        app_id="app",
        api_key=f"canary-{canary}",
        database_url=f"postgresql://user:{canary}@host/db",
        broker_url=f"redis://:{canary}@host/0",
    )
    assert canary not in repr(settings)
    assert canary not in str(settings)
    with pytest.raises(SettingsError) as refused:
        Settings(database_url=f"mysql://u:{canary}@h", secret_key=canary[:8], batch_size=canary)
    assert canary[:8] not in str(refused.value)


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        get_settings().batch_size = 5


def test_the_table_has_a_row_with_a_meaning_for_every_setting():
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5
        assert cells[0].startswith("`PIPELINE_")
        assert cells[1]
        assert cells[4]


def test_a_tick_too_rare_for_the_visibility_time_out_is_refused():
    with pytest.raises(SettingsError, match="PIPELINE_TICK_SECONDS: make it a sixth"):
        Settings(visibility_timeout_seconds=60, tick_seconds=10.1)


@pytest.mark.parametrize(
    ("tick", "visibility", "ahead"),
    [(2, 180, 15_000), (2, 12, 4_000), (0.1, 1, 333), (30, 180, 60_000), (60, 86_400, 120_000)],
)
def test_a_tick_looks_ahead_by_two_ticks_and_never_by_more_than_a_third_of_the_visibility(
    monkeypatch, tick, visibility, ahead
):
    monkeypatch.setenv("PIPELINE_TICK_SECONDS", str(tick))
    monkeypatch.setenv("PIPELINE_VISIBILITY_TIMEOUT_SECONDS", str(visibility))
    reset_settings()

    assert horizon_ms() == ahead
    assert 2_000 * tick <= ahead <= visibility * 1_000 / 3


class Applications:
    """A process of two applications; the one at work is `now`."""

    def __init__(self) -> None:
        self.now = "a"
        self.values = {"a": {"batch_size": 10}, "b": {"batch_size": 20}}

    def scope(self) -> str:
        return self.now

    def setting_values(self) -> dict[str, int]:
        return self.values[self.now]

    def spelling(self, field: str) -> str:
        return f"SHOP_{field.upper()}"

    def program(self) -> str:
        return "shop push"


@pytest.fixture
def applications():
    host = Applications()
    join(host)
    yield host
    join(None)


def test_a_host_s_values_are_those_of_the_application_at_work(applications, monkeypatch):
    monkeypatch.setenv("PIPELINE_BATCH_SIZE", "30")
    assert get_settings().batch_size == 10
    applications.now = "b"
    assert get_settings().batch_size == 20
    join(None)
    assert get_settings().batch_size == 30


def test_a_wrong_value_is_named_as_its_giver_writes_it(applications, monkeypatch):
    monkeypatch.setenv("PIPELINE_TICK_SECONDS", "never")
    applications.values["a"] = {"batch_size": 0}
    with pytest.raises(SettingsError) as raised:
        get_settings()
    names = [line.partition(":")[0] for line in str(raised.value).splitlines()]
    assert sorted(names) == ["PIPELINE_TICK_SECONDS", "SHOP_BATCH_SIZE"]
    applications.values["a"] = {}
    monkeypatch.delenv("PIPELINE_TICK_SECONDS")
    with pytest.raises(SettingsError, match="SHOP_BROKER_URL is not set"):
        broker_url()
