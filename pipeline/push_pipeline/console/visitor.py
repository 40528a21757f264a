"""Who asks for a page, which app it is about, and what may be done there."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.console.guard import cookie_name
from push_pipeline.console.roles import EVERY_APP, Role, apps_of, role_in
from push_pipeline.directory.apps import list_apps
from push_pipeline.directory.audit import note_deed
from push_pipeline.directory.console_users import Person, find_person, find_signed_in
from push_pipeline.errors import OperationDenied
from push_pipeline.gateway.proxies import BY_PROXY
from push_pipeline.settings import get_settings


class NotSignedIn(Exception):
    """Nobody is signed in."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, and the app that the page is about."""

    name: str
    app_id: str
    role: Role
    apps: list[str]
    everywhere: bool = False  # has a role in every app, those to come included

    def require(self, role: Role) -> None:
        """Let nobody on who has less than this role.

        Raises:
            OperationDenied: it is so.
        """
        if self.role < role:
            raise OperationDenied(
                f"this needs the role {role.name.lower()} in {self.app_id}, and you are"
                f" {self.role.name.lower()}"
            )

    def may(self, role: str) -> bool:
        """Tell a page whether to show what needs a role."""
        return self.role >= Role[role.upper()]

    def note(self, connection: db.Connection, action: str, subject: str) -> None:
        """Note what is done, in the transaction that does it."""
        note_deed(connection, now_ms(), self.name, self.app_id, action, subject)

    def note_alone(self, action: str, subject: str) -> None:
        """Note what is done where it has no transaction of ours."""
        with db.writing() as connection:
            self.note(connection, action, subject)


async def visitor(request: Request) -> Visitor:
    """Find out who asks: the dependency of every page but that to sign in.

    Raises:
        NotSignedIn: nobody is, or the session ended.
        OperationDenied: they have no role in any app, or none in this one.
    """
    return await run_in_threadpool(find_visitor, request)


def find_visitor(request: Request) -> Visitor:
    """Do as `visitor`, in this thread."""
    with db.reading() as connection:
        person = _by_proxy(request, connection) or _by_cookie(request, connection)
        there = [app.id for app in list_apps(connection)]
    if person is None:
        raise NotSignedIn
    apps = apps_of(person.roles, there)
    asked = request.path_params.get("app_id") or (apps[0] if apps else "")
    role = role_in(person.roles, asked) if asked in there else None
    if role is None:
        raise OperationDenied("you have no role in this app: push-pipeline console grant")
    return Visitor(person.name, asked, role, apps, EVERY_APP in person.roles)


def _by_cookie(request: Request, connection: db.Connection) -> Person | None:
    token = request.cookies.get(cookie_name(request.url.scheme))
    return find_signed_in(connection, token, now_ms()) if token else None


def _by_proxy(request: Request, connection: db.Connection) -> Person | None:
    """Return whom a trusted proxy has let in; what anybody else writes in its header is nothing."""
    header = get_settings().console_user_header
    if header is None or not request.scope.get(BY_PROXY):
        return None
    name = request.headers.get(header)
    return find_person(connection, name) if name else None


Visiting = Annotated[Visitor, Depends(visitor)]
