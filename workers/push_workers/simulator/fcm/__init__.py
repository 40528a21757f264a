"""The FCM stand-in: message JSON, OAuth, topic subscriptions."""
