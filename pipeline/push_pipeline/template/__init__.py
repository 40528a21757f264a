"""Push templates: what is stored, what a device is told of it, and smart text. Pure.

Smart text is text with variables: `{name}` is filled from the values of one push,
`{Users.column}` from the user of each device that is sent to.
"""
