"""Push from Flask: with Flask-SQLAlchemy a publish is part of the request's transaction.

`PushPipeline(app)`, or `init_app`, and `PUSH_BROKER_URL` in the configuration. What is heavy is
imported at the first use.
"""

from push_pipeline.contrib.flask.extension import PushPipeline

__all__ = ["PushPipeline"]
