"""When a command uses the installation that `up` made in its folder."""

from push_pipeline.cli.adopted import to_adopt
from push_pipeline.supervisor.state_folder import StateFolder, read_environment

UP = {
    "PIPELINE_DATABASE_URL": "sqlite:////srv/var/pipeline.db",
    "PIPELINE_BROKER_URL": "redis+socket:///srv/var/redis.sock",
    "PIPELINE_APP_ID": "demo",
}


def test_without_configuration_all_of_it_is_used():
    assert to_adopt(UP, {}) == UP


def test_a_name_that_is_set_wins():
    given = {"PIPELINE_APP_ID": "shop"}
    assert "PIPELINE_APP_ID" not in to_adopt(UP, given)
    assert "PIPELINE_BROKER_URL" in to_adopt(UP, given)


def test_another_database_or_broker_means_another_installation():
    assert to_adopt(UP, {"PIPELINE_DATABASE_URL": "postgresql://db/push"}) == {}
    assert to_adopt(UP, {"PIPELINE_BROKER_URL": "redis://broker/0"}) == {}


def test_the_database_that_up_was_given_is_not_another_one():
    given = {"PIPELINE_DATABASE_URL": UP["PIPELINE_DATABASE_URL"]}
    assert to_adopt(UP, given).keys() == {"PIPELINE_BROKER_URL", "PIPELINE_APP_ID"}


def test_what_is_written_for_other_commands_is_read_back_and_private(tmp_path):
    odd = {"PIPELINE_A": 'it\'s "odd" $HOME\nand long', "PIPELINE_B": ""}
    StateFolder(tmp_path / "var").write_environment(odd)
    assert read_environment(tmp_path / "var") == odd
    assert (tmp_path / "var/up.env").stat().st_mode & 0o077 == 0


def test_a_secret_is_made_once_and_private(tmp_path):
    folder = StateFolder(tmp_path / "var")
    secret = folder.secret("secret.key")
    assert len(secret) == 64
    assert folder.secret("secret.key") == secret
    assert (tmp_path / "var/secret.key").stat().st_mode & 0o077 == 0


def test_a_folder_where_up_never_ran_offers_nothing(tmp_path):
    assert read_environment(tmp_path) == {}
