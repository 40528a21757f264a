"""Says so where a request ends well and its publish was never committed: nothing is sent then."""

import logging
import sys
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, g

from push_pipeline.contrib.flask.host import HOST

logger = logging.getLogger(__name__)

_ANSWERED: Final = "push_pipeline_answered"


def watch_requests(app: Flask) -> None:
    """Warn at the end of each request that was answered without an error."""

    @app.after_request
    def answered(response: Response) -> Response:
        setattr(g, _ANSWERED, response.status_code)
        return response

    @app.teardown_request
    def warn(error: BaseException | None) -> None:
        failed = error is not None or g.get(_ANSWERED, 500) >= HTTPStatus.BAD_REQUEST
        if not failed and _is_forgotten():
            logger.warning(
                "a request published and did not commit its session: nothing is sent;"
                " call db.session.commit()",
                extra={"action": "publish_forgotten"},
            )


def _is_forgotten() -> bool:
    if "push_pipeline.publishing.on_commit" not in sys.modules:  # nobody has published yet
        return False
    from push_pipeline.publishing.on_commit import waits_for_commit

    session = HOST.session()
    return session is not None and waits_for_commit(session)
