"""The Python surface beside publishing and registering: the ledger of a message."""

from push_pipeline import db
from push_pipeline.ledger.status import read_ledger
from push_pipeline.ledger.views import Ledger


def status(message_id: str) -> Ledger:
    """Read the ledger of a message.

    Per run: `audience` = `accepted` + `rejected` + `expired` + `cancelled` + `unknown` +
    `inFlight` at every moment. `accepted` means that the provider took it. `resent` counts
    devices that may have two copies. An unknown id has the status `unknown`.
    """
    with db.reading() as connection:
        return read_ledger(connection, message_id)
