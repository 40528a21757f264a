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
    with db.reading() as connection:
        schema = migrations.state(connection)
    if as_json:
        print_json({"before": before, "after": schema.revision, "app": settings.app_id})
        return
    change = "is up to date"
    if schema.revision != before:
        change = f"was upgraded from {before or 'nothing'}"
    elif schema.too_new:
        change = "is a newer release's, and this release works with it: nothing to do"
    app = f"; the default app is {settings.app_id}" if settings.app_id else ""
    say(f"schema {schema.revision} {change}{app}")
