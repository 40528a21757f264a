"""The Django app: its start joins Django's settings and transactions, and reads nothing."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.core import checks
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate

from push_pipeline.host import join


class PushPipelineConfig(AppConfig):
    """The app `push_pipeline.contrib.django`, label `push_pipeline`."""

    name = "push_pipeline.contrib.django"
    label = "push_pipeline"
    verbose_name = "Push notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Join Django and register what is called later; nothing is read or opened here."""
        from push_pipeline.contrib.django import receivers
        from push_pipeline.contrib.django.checks import check_settings
        from push_pipeline.contrib.django.host import DjangoHost

        join(DjangoHost())
        checks.register(check_settings)
        setting_changed.connect(receivers.read_settings_again)
        post_migrate.connect(receivers.make_default_app, sender=self)
        user_logged_out.connect(receivers.unlink_device)
