"""How a batch is delivered: claim, load, render, send, record; `deliver` is the list of verbs."""
