"""How a message is published, pushed from a template, cancelled, paused and resumed."""
