"""Imports whatever the image's processes import, so that Python writes the bytecode of just that.

Run while the image is built, with PYTHONPYCACHEPREFIX set: half of what the packages have is
never loaded, and bytecode is as large as its source. What is forgotten here works all the same:
a process that loads it compiles it.
"""

import importlib
import pkgutil
import sys

#: For other programs' processes, for tests, or run when imported.
LEFT_OUT = ("contrib", "testing", "pytest_plugin", "simulator", "__main__", "env", "versions")

#: What our modules or their libraries import late, or start as programs.
LATE = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.worker.autoscale",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)


def modules(package_name: str) -> list[str]:
    """Return the names of a package's modules."""
    package = importlib.import_module(package_name)
    names = [package_name]
    for found in pkgutil.iter_modules(package.__path__, f"{package_name}."):
        if found.name.rpartition(".")[2] in LEFT_OUT:
            continue
        names += modules(found.name) if found.ispkg else [found.name]
    return names


for name in (*modules("push_pipeline"), *modules("push_workers"), *LATE):
    importlib.import_module(name)
sys.stdout.write(f"{len(sys.modules)} modules\n")
