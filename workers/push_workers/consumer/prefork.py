"""What a worker makes ready before it forks, so that no child pays for it at its first task.

After a start, and after a kill, every child meets its first task at the same moment as all the
others: what each of them then imports and compiles makes that moment's messages late.
"""

import gc
import logging

from push_pipeline import db, queues, tracing
from push_pipeline.audience import Selection, read_page
from push_pipeline.clock import now_ms
from push_pipeline.devices.targets import find_targets
from push_pipeline.directory.provider_routes import apple_environments
from push_pipeline.errors import PipelineError
from push_pipeline.ledger import batches, runs
from push_pipeline.platform import Platform
from push_pipeline.ready import compile_all
from push_pipeline.settings import get_settings
from push_pipeline.trust import shared_trust

logger = logging.getLogger(__name__)

#: Asked for as most audiences are: those of a channel, on all platforms.
_NOBODY = Selection("", "", tuple(sorted(Platform)))


def warm_up() -> None:
    """Load the driver and compile the statements of a fan-out and a delivery.

    Connections are closed again: those of a child are its own.
    """
    tracing.load()
    try:
        _trust()
        _ask_for_nothing()
        queues.backlog(queues.PUBLISH)
    except PipelineError as error:
        logger.warning("the first tasks will be slow: %s", error, extra={"action": "not_warm"})
    finally:
        db.close_connections()
        queues.forget()


def keep_apart() -> None:
    """Let the garbage collector pass over what there is: all modules, for as long as they run.

    A slice makes thousands of values and drops them, and every so often the collector would look
    through half a million others for their sake, in each child; and the memory that children
    share with their parent would be copied as it counts.
    """
    gc.collect()
    gc.freeze()


def _trust() -> None:
    ca_file = get_settings().ca_file
    for protocol in ("h2", "http/1.1"):  # the providers', and that of Google's token endpoint
        shared_trust(protocol, str(ca_file) if ca_file else None)


def _ask_for_nothing() -> None:
    now = now_ms()
    with db.writing() as connection:
        compile_all(connection)
        runs.find_run(connection, 0)
        batches.find_batch(connection, 0)
        read_page(connection, _NOBODY, 0, 1, now)
        find_targets(connection, [0], now)
        apple_environments(connection, "")
        runs.close_if_done(connection, 0, now)
