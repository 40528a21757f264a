"""Push-notification delivery: publish to a channel, see what became of each device."""
