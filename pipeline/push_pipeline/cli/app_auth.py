"""`app auth`: who may do what in an app, beside its keys."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from push_pipeline.cli.output import print_json, say
from push_pipeline.cli.parameters import AppId, Json
from push_pipeline.directory.scopes import check_scopes
from push_pipeline.errors import InvalidParameter

group = typer.Typer(
    no_args_is_help=True, help="User tokens, roles, domains, and callers without a key."
)


@group.command("show")
def show(app_id: AppId, as_json: Json = False) -> None:
    """Show the rules of an app."""
    from push_pipeline import db
    from push_pipeline.cli.app_changes import describe
    from push_pipeline.directory.access import find_access
    from push_pipeline.directory.apps import resolve_app

    with db.reading() as connection:
        access = find_access(connection, resolve_app(connection, app_id))
    if as_json:
        print_json({**asdict(access), "token_key": None})
        return
    say(f"domains        {' '.join(access.hosts) or 'none of its own'}")
    say(f"without a key  {' '.join(access.open_scopes) or 'nothing'}")
    say(f"devices        {_changed_by(access.device_proof)}")
    say(f"pace           {_pace(access.publish_rate)}")
    for rule in access.publish_rules:
        say(f"publish to     {rule.channel}: {' '.join(rule.roles) or 'nobody'}")
    say(f"user tokens    {describe(access.token_rules)}")


@group.command("tokens")
def tokens(
    app_id: AppId,
    key_file: Annotated[
        Path | None, typer.Option(help="A PEM public key or certificate, or a shared secret.")
    ] = None,
    jwks_url: Annotated[str | None, typer.Option(help="The issuer's key set, instead.")] = None,
    audience: Annotated[str | None, typer.Option(help="What `aud` must be.")] = None,
    issuer: Annotated[str | None, typer.Option(help="What `iss` must be.")] = None,
    user_claim: Annotated[str, typer.Option(help="Who the user is.")] = "sub",
    roles_claim: Annotated[str, typer.Option(help="A list, or words.")] = "roles",
) -> None:
    """Take JSON Web Tokens as user tokens, checked with a key; with neither key nor URL, none."""
    from push_pipeline.cli.app_changes import change_access, describe, sealing_secret
    from push_pipeline.credentials import seal_text, user_keys
    from push_pipeline.directory.access import TokenRules

    if key_file is not None and jwks_url is not None:
        raise InvalidParameter("give a key file or the URL of a key set, not both")
    sealed: bytes | None = None
    algorithms: tuple[str, ...] = user_keys.KEY_SET_ALGORITHMS
    if key_file is not None:
        text, algorithm = user_keys.read_user_key(key_file)
        sealed, algorithms = seal_text(sealing_secret(), text), (algorithm,)
    url = user_keys.check_key_set_url(jwks_url) if jwks_url else None
    rules = TokenRules(algorithms, audience, issuer, url, user_claim, roles_claim)
    taken = rules if sealed or url else None
    change_access(app_id, lambda access: replace(access, token_rules=taken, token_key=sealed))
    say(f"user tokens: {describe(taken)}")


@group.command("open")
def open_to_all(
    app_id: AppId,
    scopes: Annotated[str, typer.Option(help="Comma-separated; empty for nothing.")],
) -> None:
    """Say what callers without a key may do: those of `/api/…`, which has no place for one."""
    from push_pipeline.cli.app_changes import change_access

    wanted = tuple(scope for scope in scopes.split(",") if scope)
    check_scopes(wanted)
    if "admin" in wanted:
        raise InvalidParameter("admin is for keys alone: any web page may call without one")
    change_access(app_id, lambda access: replace(access, open_scopes=wanted))
    say(f"without a key: {' '.join(wanted) or 'nothing'}")


@group.command("hosts")
def hosts(
    app_id: AppId, names: Annotated[list[str] | None, typer.Argument(metavar="HOST…")] = None
) -> None:
    """Set the domains whose `/api/…` is this app's."""
    from push_pipeline.cli.app_changes import change_access

    wanted = tuple(name.lower() for name in names or ())
    change_access(app_id, lambda access: replace(access, hosts=wanted))
    say(f"domains: {' '.join(wanted) or 'none of its own'}")


@group.command("devices")
def devices(
    app_id: AppId,
    proof: Annotated[
        bool, typer.Option("--proof/--no-proof", help="Demand the token that the device has.")
    ],
) -> None:
    """Say who may change and remove a device: whoever knows its id, or who shows its token."""
    from push_pipeline.cli.app_changes import change_access

    change_access(app_id, lambda access: replace(access, device_proof=proof))
    say(f"devices: {_changed_by(proof)}")


@group.command("pace")
def pace(
    app_id: AppId,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Publishes a second by all gateways; any without it.")
    ] = None,
) -> None:
    """Bound how many publishes a second all callers of an app's HTTP API may ask for."""
    from push_pipeline.cli.app_changes import change_access

    change_access(app_id, lambda access: replace(access, publish_rate=rate))
    say(f"pace: {_pace(rate)}")


@group.command("allow")
def allow(
    app_id: AppId,
    channel: Annotated[str, typer.Argument(help="A channel, or a pattern with `*`.")],
    roles: Annotated[list[str] | None, typer.Option("--role", help="Repeat for more.")] = None,
    anybody: Annotated[bool, typer.Option("--anybody", help="Drop the rule.")] = False,
) -> None:
    """Let only users with a role publish to a channel; without a role, nobody.

    The first rule that fits a channel decides, in the order in which they were made.
    """
    from push_pipeline.cli.app_changes import change_access
    from push_pipeline.directory.access import Access, PublishRule

    rule = PublishRule(channel, tuple(roles or ()))

    def changed(access: Access) -> Access:
        others = tuple(one for one in access.publish_rules if one.channel != channel)
        return replace(access, publish_rules=others if anybody else (*others, rule))

    change_access(app_id, changed)
    say(f"publish to {channel}: {'anybody' if anybody else ' '.join(rule.roles) or 'nobody'}")


def _changed_by(proof: bool) -> str:
    whose = "who shows their token or their user's" if proof else "whoever knows their id"
    return f"changed by {whose}, and by keys with the scope admin"


def _pace(rate: int | None) -> str:
    return "any" if rate is None else f"{rate} publishes a second by all gateways"
