"""The shop's one table. It has a model `Message` as well, as many hosts do."""

from django.db import models


class Order(models.Model):
    """An order of a user."""

    buyer = models.CharField(max_length=40)


class Message(models.Model):
    """A note of the shop's own; no relation to a push."""

    text = models.TextField()
