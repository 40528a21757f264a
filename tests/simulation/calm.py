"""After the storm: everything goes well, until nothing is open or it never will be."""

from collections.abc import Callable
from contextlib import suppress

from push_pipeline import cancel, resume
from push_pipeline.errors import NotCancellable
from tests.simulation import promises
from tests.simulation.jobs import Job
from tests.simulation.picture import Picture
from tests.simulation.world import World

#: Looks at the world, of which each lets some time pass.
MOST_ROUNDS = 300

Run = Callable[[Job, list[str]], None]


def calm_down(world: World, messages: list[str], run: Run) -> None:
    """Let all work end, and check what must be true then."""
    world.broker_away = False
    for job in list(world.jobs):
        run(job, ["accepted"])
    for message_id in messages:
        if _is_held(world.picture, message_id):
            with suppress(NotCancellable):
                resume(message_id)
            world.truth.trusted |= world.picture.credential.keys()
            world.look()
        if _repeats(world.picture, message_id):
            with suppress(NotCancellable):
                cancel(message_id)
                world.truth.cancelled[message_id] = world.steps
                world.look()
    for _ in range(MOST_ROUNDS):
        _round(world, run)
        if not _is_anything_open(world.picture):
            break
        world.now = max(world.now + 1_000, _next_time(world))
    world.look()
    promises.keep_at_the_end(world.picture, world.truth, world.policy)


def _round(world: World, run: Run) -> None:
    run(world.tick(), [])
    while due := world.due_wakes():
        for wake in due:
            world.wakes.remove(wake)
            run(world.start(wake), ["accepted"])


def _is_held(picture: Picture, message_id: str) -> bool:
    runs = [one for one in picture.run.values() if one["message_id"] == message_id]
    guarded = any(one["rest_cause"] == "guard" for one in picture.credential.values())
    return guarded or any(one["state"] == "paused" for one in runs)


def _repeats(picture: Picture, message_id: str) -> bool:
    return '"repeatEvery": 0' not in picture.message[message_id]["delivery_options"]


def _is_anything_open(picture: Picture) -> bool:
    return any(run["finished_at"] is None for run in picture.run.values())


def _next_time(world: World) -> int:
    """Return when something may happen next: a second before what lies ahead."""
    picture = world.picture
    times = [one["not_before"] for one in picture.batch.values() if not one["finished_at"]]
    times += [one["lease_until"] or 0 for one in picture.batch.values() if not one["finished_at"]]
    times += [one["due_at"] for one in picture.run.values() if not one["finished_at"]]
    times += [one["lease_until"] or 0 for one in picture.run.values() if not one["finished_at"]]
    times += [one["paused_until"] or 0 for one in picture.credential.values()]
    ahead = [one for one in times if one > world.now]
    return min(ahead, default=0)
