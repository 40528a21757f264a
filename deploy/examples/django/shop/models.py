"""The shop's one table."""

from django.conf import settings
from django.db import models


class Order(models.Model):
    """Something that a user has ordered, and maybe paid."""

    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    item = models.CharField(max_length=80)
    paid = models.BooleanField(default=False)
