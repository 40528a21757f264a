"""The console: what is sent, seen and stopped in a browser; the gateway has it at `/console/`.

Who may come in: `guard` (what a request must look like) and `roles`, both pure; `sign_in` (links
and passwords), `visitor` (who asks). What is on a page: `pages/`, a module each; `composed` (the
form of a push), `told` (that of one to a broadcast channel), `rendering`, `templates/`, `static/`.
How numbers move: `live`, one reader of the database for each topic, however many look at it. What
is said of numbers: `progress`, `reasons`, `phone`; pure.
"""
