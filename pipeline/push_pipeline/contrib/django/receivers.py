"""What follows from what happens in Django: a setting changed, a migration, a logout."""

from typing import Any

from push_pipeline.contrib.django import conf


def read_settings_again(*, setting: str, **_: Any) -> None:
    """Forget what was read, after a test has overridden `PUSH_PIPELINE`."""
    if setting in {conf.NAME, "DATABASES"}:
        from push_pipeline.settings import reset_settings

        reset_settings()


def make_default_app(*, using: str, **_: Any) -> None:
    """Create the app of `APP_ID` with its key, as `push-pipeline migrate` does."""
    if using == conf.shared_alias():
        from push_pipeline import default_app
        from push_pipeline.settings import get_settings

        default_app.sync(get_settings())


def unlink_device(*, request: Any, **_: Any) -> None:
    """Take the device that was registered in this session from the user who logs out."""
    from push_pipeline.contrib.django.devices import unlink

    unlink(request)
