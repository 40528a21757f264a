"""`migrate`: the schema, and the default app."""

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import Json


def migrate(as_json: Json = False) -> None:
    """Create or upgrade the schema, and the default app if PIPELINE_APP_ID is set.

    Safe to run twice or at the same time.
    """
    from push_pipeline import db, default_app, migrations
    from push_pipeline.settings import get_settings

    settings = get_settings()
    with db.reading() as connection:  # names a database that is away, before anything is tried
        migrations.revision(connection)
    before = migrations.upgrade(db.engine())
    default_app.sync(settings)
    after = migrations.head()
    if as_json:
        print_json({"before": before, "after": after, "app": settings.app_id})
        return
    change = "is up to date" if before == after else f"was upgraded from {before or 'nothing'}"
    app = f"; the default app is {settings.app_id}" if settings.app_id else ""
    say(f"schema {after} {change}{app}")
