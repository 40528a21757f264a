"""`app`: apps, their API keys and their credentials."""

from pathlib import Path
from typing import Annotated

import typer

from push_pipeline.cli import app_auth
from push_pipeline.cli.output import note, print_json, say
from push_pipeline.cli.parameters import AppId, Json
from push_pipeline.clock import iso, now_ms
from push_pipeline.directory.scopes import SCOPES
from push_pipeline.errors import BadCredential, InvalidParameter
from push_pipeline.key_strength import check_key

group = typer.Typer(no_args_is_help=True, help="Apps, their API keys and credentials.")
key_group = typer.Typer(no_args_is_help=True, help="API keys of an app.")
credentials_group = typer.Typer(no_args_is_help=True, help="Provider credentials of an app.")
group.add_typer(key_group, name="key")
group.add_typer(credentials_group, name="credentials")
group.add_typer(app_auth.group, name="auth")

Scopes = Annotated[str, typer.Option(help="Comma-separated.")]
Key = Annotated[str | None, typer.Option(help="The key to use; a new one is made without it.")]
Url = Annotated[str | None, typer.Option(help="Instead of the provider's address, for tests.")]
Style = Annotated[
    str | None,
    typer.Option(help="Who shows a push on Android: data (the app), notification, both."),
]
SdkCopy = Annotated[
    bool | None,
    typer.Option(
        "--sdk-copy/--no-sdk-copy",
        help="Say the text a second time for the Backendless SDK on Apple's systems.",
    ),
]
#: Takes an app's policy away again.
_DEFAULT = "default"
Policy = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="Devices without an answer: once-if-collapsible, at-most-once, at-least-once, or"
        f" {_DEFAULT}: the setting's.",
    ),
]
Rate = Annotated[
    int | None, typer.Option(min=1, help="Publishes a second by all gateways; any without it.")
]
FromEnv = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Instead of a file: the variable that holds its content."),
]
_ALL = ",".join(SCOPES)


@group.command("create")
def create(
    name: Annotated[str, typer.Argument(help="For people.")],
    app_id: Annotated[str | None, typer.Option("--id", help="Made without it.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Of devices that tell none: an IANA name; UTC without it.")
    ] = None,
    key: Key = None,
    scopes: Scopes = _ALL,
    as_json: Json = False,
) -> None:
    """Create an app and print its id and API key, once."""
    from push_pipeline import db
    from push_pipeline.directory import apps

    _check(key)
    now = now_ms()
    with db.writing() as connection:
        new_id = apps.create_app(connection, name, now, app_id, time_zone or apps.UTC)
        shown = apps.add_key(connection, new_id, now, key=key, scopes=_split(scopes))
    if as_json:
        print_json({"id": new_id, "key": shown})
    else:
        say(f"app id   {new_id}\nAPI key  {shown}")
        note("The key is not shown again.")


@group.command("set")
def change(
    app_id: AppId,
    android_style: Style = None,
    sdk_copy: SdkCopy = None,
    unknown_policy: Policy = None,
    as_json: Json = False,
) -> None:
    """Change what holds for an app's pushes where a push does not say; from the next run on."""
    from push_pipeline import db
    from push_pipeline.directory import apps

    with db.writing() as connection:
        known = apps.resolve_app(connection, app_id)
        if android_style is not None:
            apps.set_android_style(connection, known, android_style)
        if sdk_copy is not None:
            apps.set_sdk_copy(connection, known, copied=sdk_copy)
        if unknown_policy is not None:
            wanted = None if unknown_policy == _DEFAULT else unknown_policy
            apps.set_unknown_policy(connection, known, wanted)
        shown = apps.android_style(connection, known)
        copied = apps.needs_sdk_copy(connection, known)
        policy = apps.unknown_policy(connection, known) or _DEFAULT
    if as_json:
        told = {"id": known, "androidDisplay": shown, "sdkCopy": copied, "unknownPolicy": policy}
        print_json(told)
    else:
        say(
            f"{known}  copy for the SDK: {'yes' if copied else 'no'}  Android style: {shown}"
            f"  unknown policy: {policy}"
        )


@group.command("list")
def list_all(as_json: Json = False) -> None:
    """List the apps, and what each can send through."""
    from push_pipeline import db
    from push_pipeline.directory import apps, provider_routes

    with db.reading() as connection:
        found = apps.list_apps(connection)
        open_to = provider_routes.list_routes(connection)
    rows = [
        {
            "id": app.id,
            "name": app.name,
            "createdAt": iso(app.created_at),
            "routes": [
                " ".join(filter(None, (str(route["provider"]), str(route["environment"]))))
                for route in open_to
                if route["app_id"] == app.id
            ],
        }
        for app in found
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        say(f"{row['id']}  {row['name']}  {', '.join(row['routes'] or ()) or 'no credentials'}")


@key_group.command("add")
def add_key(
    app_id: AppId,
    key: Key = None,
    scopes: Scopes = _ALL,
    channels: Annotated[
        list[str] | None,
        typer.Option("--channel", help="The only channels it may publish to, maybe with `*`."),
    ] = None,
    rate: Rate = None,
    as_json: Json = False,
) -> None:
    """Add an API key and print it, once."""
    from push_pipeline import db
    from push_pipeline.directory import apps

    _check(key)
    with db.writing() as connection:
        known = apps.resolve_app(connection, app_id)
        shown = apps.add_key(
            connection,
            known,
            now_ms(),
            key=key,
            scopes=_split(scopes),
            channel_patterns=channels,
            publish_rate=rate,
        )
    if as_json:
        print_json({"id": known, "key": shown})
    else:
        say(shown)


@key_group.command("revoke")
def revoke_key(
    app_id: AppId,
    hint: Annotated[str, typer.Argument(help="The last four characters of the key.")],
    as_json: Json = False,
) -> None:
    """Revoke the keys of an app that end in HINT."""
    from push_pipeline import db
    from push_pipeline.directory import apps

    with db.writing() as connection:
        known = apps.resolve_app(connection, app_id)
        revoked = apps.revoke_key(connection, known, hint, now_ms())
    if as_json:
        print_json({"revoked": revoked})
    else:
        say(f"revoked: {revoked}")
    raise typer.Exit(0 if revoked else 1)


@credentials_group.command("apns")
def apns(
    app_id: AppId,
    *,
    topic: Annotated[str, typer.Option(help="The bundle id.")],
    key_file: Annotated[Path | None, typer.Option(help="The .p8 file.")] = None,
    key_id: Annotated[str, typer.Option(help="The key's: ten characters.")] = "",
    team_id: Annotated[str, typer.Option(help="The key's: ten characters.")] = "",
    certificate_file: Annotated[
        Path | None, typer.Option(help="Instead of a key: PEM with certificate and private key.")
    ] = None,
    mac_topic: Annotated[
        str | None, typer.Option(help="The macOS app's bundle id, where it is another one.")
    ] = None,
    from_env: FromEnv = None,
    environment: Annotated[str, typer.Option(help="production or sandbox.")] = "production",
    url: Url = None,
) -> None:
    """Store an APNs key or certificate, sealed. Workers use it from their next batch on."""
    from push_pipeline.cli.app_changes import store_credential
    from push_pipeline.credentials import ApnsCredential

    others = {"mac_topic": mac_topic, "environment": environment, "url": url}
    files = (key_file, certificate_file)
    if from_env is not None and files == (None, None):
        from push_pipeline.credentials.files import read_variable

        text = read_variable("APNs credential", from_env)
        ids = {"key_id": key_id or None, "team_id": team_id or None}
        credential = ApnsCredential.from_text(text, topic=topic, **ids, **others)
    elif from_env is None and key_file is not None and certificate_file is None:
        credential = ApnsCredential.from_key_file(
            key_file, key_id=key_id, team_id=team_id, topic=topic, **others
        )
    elif certificate_file is not None and not (key_file or key_id or team_id or from_env):
        credential = ApnsCredential.from_certificate_file(certificate_file, topic=topic, **others)
    else:
        raise BadCredential(
            "give --key-file, --key-id and --team-id, or --certificate-file, or --from-env in the"
            " place of either file"
        )
    origin = _origin(from_env, key_file or certificate_file)
    store_credential(app_id, "apns", environment, credential, origin)
    if topic.endswith((".voip", ".complication")):
        note(f"{topic} is taken for the app's bundle id; a push type's suffix comes behind it")


@credentials_group.command("fcm")
def fcm(
    app_id: AppId,
    service_account_file: Annotated[
        Path | None, typer.Option(help="JSON of the Firebase console.")
    ] = None,
    from_env: FromEnv = None,
    project_id: Annotated[
        str | None,
        typer.Option(
            help="Instead, a Firebase project that the workers sign in to by the identity of"
            " their machine (Application Default Credentials): no secret is stored."
        ),
    ] = None,
    url: Url = None,
) -> None:
    """Store an FCM service account, sealed. Workers use it from their next batch on."""
    from push_pipeline.cli.app_changes import store_credential
    from push_pipeline.credentials import FcmCredential
    from push_pipeline.credentials.fcm import OF_THE_MACHINE

    if sum(one is not None for one in (service_account_file, from_env, project_id)) != 1:
        raise BadCredential("give one of --service-account-file, --from-env and --project-id")
    origin = _origin(from_env, service_account_file)
    if from_env is not None:
        from push_pipeline.credentials.files import read_variable

        text = read_variable("FCM credential", from_env)
        credential = FcmCredential.from_text(text, from_env, url=url)
    elif service_account_file is not None:
        credential = FcmCredential.from_service_account_file(service_account_file, url=url)
    else:
        credential, origin = FcmCredential(project=project_id, url=url), OF_THE_MACHINE
    store_credential(app_id, "fcm", "", credential, origin)


@credentials_group.command("webpush")
def webpush(
    app_id: AppId,
    *,
    subject: Annotated[
        str, typer.Option(help="Whom push services write to: mailto:you@your.domain or https://…")
    ],
    key_file: Annotated[
        Path | None, typer.Option(help="A key that other servers used: PEM. One is made without.")
    ] = None,
    from_env: FromEnv = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Although the app has another key: its subscriptions end by it."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the key that browsers subscribe with, or take one; seal it; print its public half.

    An app that has a key keeps it. Workers use a new one from their next batch on.
    """
    from push_pipeline.cli.app_changes import store_push_key
    from push_pipeline.credentials.files import read_text, read_variable

    if from_env is not None and key_file is not None:
        raise BadCredential("give one of --key-file and --from-env")
    pem, origin = None, "a key that we made"
    if from_env is not None:
        pem, origin = read_variable("Web Push key", from_env), _origin(from_env, None)
    elif key_file is not None:
        pem, origin = read_text("Web Push key", key_file), _origin(None, key_file)
    stored = store_push_key(app_id, subject, pem, origin, replace=replace)
    if as_json:
        print_json({"id": app_id, "publicKey": stored.public_key})
    else:
        say(f"stored for {app_id}: webpush; pages subscribe with this applicationServerKey:")
        say(stored.public_key)


def _origin(variable: str | None, path: Path | None) -> str:
    return f"the file {path}" if variable is None else f"the environment variable {variable}"


def _check(key: str | None) -> None:
    if key is None:  # one is made
        return
    try:
        check_key(key)
    except ValueError as weak:
        raise InvalidParameter(f"--key: {weak}") from None


def _split(scopes: str) -> list[str]:
    return [scope.strip() for scope in scopes.split(",") if scope.strip()]
