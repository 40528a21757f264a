"""Publishing from coroutines: the event loop goes on meanwhile."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import Depends, HTTPException
from httpx import ASGITransport, AsyncClient
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from push_pipeline import RequestError, apublish, db, queues, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import Settings


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> Iterator[None]:
    configure(app_id="APP-1")
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    yield
    queues.forget()


def lock_messages(connection: Connection) -> None:
    """Let nobody else write a message; SQLite's transaction that may write does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE pipeline_message IN EXCLUSIVE MODE"))


def test_a_loop_goes_on_while_a_publish_waits() -> None:
    async def held_up() -> str:
        with db.engine().begin() as connection:
            lock_messages(connection)
            publishing = asyncio.create_task(apublish("news", "hello"))
            await asyncio.sleep(0)  # it begins; a loop that it held up would never come back
        return (await publishing).message_id

    assert status(asyncio.run(held_up()))["status"] == "scheduled"
    assert queues.backlog(queues.PUBLISH) == 1


def test_what_is_wrong_is_raised_as_by_publish() -> None:
    with pytest.raises(RequestError) as raised:
        asyncio.run(apublish("a/b", "hello"))
    assert raised.value.code == 5044


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_with_a_session_of_asyncio_it_is_committed_and_woken_with_that() -> None:
    async def two() -> tuple[str, str]:
        engine = create_async_engine(db.engine().url)
        async with AsyncSession(engine) as session:
            dropped = await apublish("news", "hello", session=session)
            await session.rollback()
            kept = await apublish("news", "hello", users=["7"], session=session)
            await session.commit()
        await engine.dispose()
        return dropped.message_id, kept.message_id

    dropped, kept = asyncio.run(two())  # its end waits for the threads of the loop
    assert status(dropped)["status"] == "unknown"
    assert status(kept)["status"] == "scheduled"
    assert queues.backlog(queues.PUBLISH) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_readme_s_recipe_for_fastapi() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    recipe = readme.partition("# recipe: FastAPI\n")[2].partition("```")[0]
    engine = create_async_engine(db.engine().url)
    host = {"__name__": "recipe", "engine": engine}
    exec(compile(recipe, "README.md", "exec", dont_inherit=True), host)

    @host["api"].post("/fails")
    async def fail(publish: Annotated[Any, Depends(host["publisher"])]) -> None:
        receipt = await publish("orders", "never")
        raise HTTPException(402, receipt.message_id)

    async def two() -> tuple[str, str]:
        transport = ASGITransport(host["api"])
        async with AsyncClient(transport=transport, base_url="http://host") as client:
            paid = await client.post(f"/orders/{uuid4()}/paid")
            failed = await client.post("/fails")
        await engine.dispose()
        return paid.json(), failed.json()["detail"]

    paid, failed = asyncio.run(two())
    assert status(paid)["status"] == "scheduled"
    assert status(failed)["status"] == "unknown"
    assert queues.backlog(queues.PUBLISH) == 1
