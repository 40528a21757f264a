"""What one worker process keeps between tasks: settings, senders, and the runs it is sending.

Made after the fork, in the child: connections to providers are opened there and kept.
"""

import os
import random
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, cast

from push_pipeline import db
from push_pipeline.budgets import Budgets, limits_of, slice_limit
from push_pipeline.content import Content
from push_pipeline.content.badge import BadgeChange
from push_pipeline.content.languages import DEFAULT
from push_pipeline.content.live_activity import STORED_AS, ActivityContent, by_language, eased
from push_pipeline.content.sizes import size_of
from push_pipeline.credentials import ApnsCredential, Credential, unseal
from push_pipeline.directory.provider_routes import find_sealed
from push_pipeline.errors import BadCredential
from push_pipeline.ledger.resending import COLLAPSES_AS, collapse_id
from push_pipeline.ledger.values import RunMessage, Standing
from push_pipeline.outcome import NO_VERDICTS, Recent
from push_pipeline.platform import Platform, provider_of
from push_pipeline.settings import Settings, get_settings
from push_pipeline.template.wording import Wording
from push_workers.delivery.backoff import Backoff
from push_workers.delivery.personalise import Marks, Prepared
from push_workers.delivery.settle import Rules
from push_workers.senders.base import Broadcaster, Rendered, Sender
from push_workers.senders.registry import MOST_SENDERS, SenderPool, render_for

#: Runs whose content and rendered payloads are kept. One is a few kilobytes.
RUNS_KEPT = 128

#: Credentials that are kept decrypted: as many as may have a sender, for only these are in use.
CREDENTIALS_KEPT = MOST_SENDERS

#: Seconds by which FCM may keep a notification longer than its message lives.
RENDERED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _OnPlatform:
    """What a message says on one platform: by language, with marks where devices differ."""

    contents: dict[str, Content]
    marks: Marks | None  # None where all devices get the same
    badge: BadgeChange | None
    needed: dict[str, frozenset[str]]  # the columns of which one must have words


class RunFacts:
    """A run's message, rendered once per platform and language in this process.

    Nothing is read of the platforms that nobody asks for.
    """

    def __init__(self, run: RunMessage) -> None:
        self.run = run
        #: What an answer that never came means here; None where the setting says it.
        self.unknown_policy = run.unknown_policy
        self._said = by_language(run.content)
        self.languages = frozenset(self._said) - {DEFAULT}
        #: The event of an activity that it tells; None for what is no activity's.
        self.activity = _event_of(run.content, run.due_at)
        self._platforms: dict[str, _OnPlatform] = {}
        self._prepared: dict[tuple[str, str], tuple[float, Prepared]] = {}

    @cached_property
    def eased(self) -> "RunFacts":
        """The same event at the lower priority."""
        return RunFacts(self.run._replace(content=eased(self.run.content)))

    def columns(self, platform: str) -> tuple[str, ...]:
        """Return the columns of users that the message asks for on a platform."""
        marks = self._on(platform).marks
        return () if marks is None else marks.columns

    def badge_change(self, platform: str) -> BadgeChange | None:
        """Return what becomes of the badges of a platform's devices; None where none is kept."""
        change = self._on(platform).badge
        kept = change is not None and (change.raised or self.run.counts_badges)
        return change if kept else None

    def prepared(self, platform: str, provider: str, now: float) -> Prepared:
        """Return the notification for a platform by a provider; `now` is epoch seconds.

        Rendered once a minute at the most: FCM counts a lifetime from the time of rendering.
        """
        at, prepared = self._prepared.get((platform, provider), (0.0, None))
        if prepared is None or now - at > RENDERED_SECONDS:
            prepared = self._prepare(Platform(platform), provider, now)
            self._prepared[platform, provider] = now, prepared
        return prepared

    def _prepare(self, platform: Platform, provider: str, now: float) -> Prepared:
        here = self._on(platform)
        rendered = {
            tag: self._render(content, platform, provider, now)
            for tag, content in here.contents.items()
        }
        if here.marks is None:
            return Prepared(rendered[DEFAULT])
        splices = {
            tag: here.marks.splice(
                rendered[tag].body,
                platform,
                size_of(content, platform, self.run.message_id),
                here.needed.get(tag, frozenset()),
            )
            for tag, content in here.contents.items()
        }
        return Prepared(rendered[DEFAULT], splices)

    def _on(self, platform: str) -> _OnPlatform:
        found = self._platforms.get(platform)
        if found is None:
            found = self._platforms[platform] = self._read(Platform(platform))
        return found

    def _read(self, platform: Platform) -> _OnPlatform:
        if self.activity is not None:
            return self._event()
        wordings = {
            language: Wording.from_json(said["wordings"][platform])
            for language, said in self._said.items()
            if platform in said.get("wordings", {})
        }
        if not (wordings or self.languages):
            contents = {DEFAULT: self._of_app(Content.from_json(self.run.content), platform)}
            badge = contents[DEFAULT].badge_change(platform)
            if badge is None or not badge.raised:
                return _OnPlatform(contents, None, badge, {})
        return self._marked(wordings, platform)

    def _event(self) -> _OnPlatform:
        """Return an activity's event; only its alert is by language, and nothing a user's own."""
        events: dict[str, Content] = {
            language: ActivityContent.of_stored(said[STORED_AS], self.run.due_at)
            for language, said in self._said.items()
        }
        return _OnPlatform(events, Marks(()) if self.languages else None, None, {})

    def _marked(self, wordings: Mapping[str, Wording], platform: Platform) -> _OnPlatform:
        """Say it with marks in the places of what is a device's own."""
        marks = Marks(dict.fromkeys(column for one in wordings.values() for column in one.columns))
        contents = {
            language: self._of_app(
                wordings[language].content(marks.words)
                if language in wordings
                else Content.from_json(said),
                platform,
            ).counting(marks.badge)
            for language, said in self._said.items()
        }
        badge = contents[DEFAULT].badge_change(platform)
        needed = {language: wording.needed(platform) for language, wording in wordings.items()}
        return _OnPlatform(contents, marks, badge, needed)

    def _of_app(self, content: Content, platform: Platform) -> Content:
        """Return a content as the app has it where the push does not say."""
        if platform is Platform.ANDROID:
            return content.styled(self.run.android_style)
        return content.copied(self.run.sdk_copy)

    def _render(self, content: Content, platform: Platform, provider: str, now: float) -> Rendered:
        run = self.run
        return render_for(provider)(
            content,
            platform,
            message_id=run.message_id,
            collapse_id=run.content.get(COLLAPSES_AS) or collapse_id(run.message_id, run.n),
            expires_at=0 if run.ttl == 0 else run.expires_at // 1000,
            now=now,
        )


def _event_of(said: Mapping[str, Any], due_at: int) -> ActivityContent | None:
    stored = said.get(STORED_AS)
    return None if stored is None else ActivityContent.of_stored(stored, due_at)


class Context:
    """One process's senders and caches; of these the least recently used makes room."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or get_settings()
        self.rng = random.Random(os.urandom(16))  # noqa: S311 - jitter, not a secret
        self.lease_ms = self.settings.lease_seconds * 1000
        self.backoff = Backoff(
            self.settings.max_attempts,
            patient=self.settings.retry_profile == "patient",
            factor=self.settings.retry_factor,
        )
        #: What providers answered this process and the other workers were not told yet, by route.
        self.news: dict[int, Recent] = {}
        self.budgets = Budgets()
        self._runs: OrderedDict[int, RunFacts] = OrderedDict()
        self._credential = lru_cache(maxsize=CREDENTIALS_KEPT)(self._unseal)
        self._senders = SenderPool(
            ca_file=str(self.settings.ca_file) if self.settings.ca_file else None,
            timeout=self.settings.send_timeout_seconds,
            connections=self.settings.connections,
            push_services=self.settings.push_services,
        )

    @property
    def known_runs(self) -> Collection[int]:
        """The runs whose message need not be read: what it says never changes."""
        return self._runs.keys()

    def keep_run(self, run_id: int, message: RunMessage | None) -> None:
        """Keep what was read of a run, or with None note that a known one is in use."""
        if message is not None:
            self._runs[run_id] = RunFacts(message)
        self._runs.move_to_end(run_id)
        if len(self._runs) > RUNS_KEPT:
            self._runs.popitem(last=False)

    def run_facts(self, run_id: int) -> RunFacts:
        """Return what is kept of a run of which a batch was taken."""
        return self._runs[run_id]

    def rules(self, batch: Standing, now: int) -> Rules:
        """Return what decides of a batch's members beside the provider's answers."""
        unshared = self.news.get(batch.credential_id or 0, NO_VERDICTS)
        return Rules(
            run_id=batch.run_id,
            attempt=batch.attempt,
            doubtful=batch.doubtful,
            guarded=batch.guarded,
            expires_at=batch.run_expires_at,
            keep=self.settings.ledger,
            backoff=self.backoff,
            recent=batch.recent(now).plus(unshared),
            proven=batch.accepted_at is not None,
            answered_at=batch.answered_at or 0,
            accepted_at=batch.accepted_at or 0,
            due_at=batch.not_before,
            troubled=0.0 if batch.troubled_since is None else (now - batch.troubled_since) / 1000,
        )

    def window(self, batch: Standing) -> int:
        """Return how many members of a batch may be sent to in one slice."""
        limits = limits_of(provider_of(batch.environment), self.settings)
        return slice_limit(limits, self.settings.doubt_window)

    def sender(self, batch: Standing) -> Sender:
        """Return the sender for a batch's route, made when a new credential version appears.

        Raises:
            BadCredential: it is gone, or was sealed with another secret key.
        """
        if batch.credential_id is None or batch.credential_version is None:
            raise BadCredential("the app has no credential for this platform")
        key = (batch.credential_id, batch.credential_version)
        return self._senders.get(*key, self._credential(*key))

    def broadcaster(self, credential_id: int, version: int) -> Broadcaster:
        """Return who sends to broadcast channels by a credential.

        Raises:
            BadCredential: as `sender`.
        """
        credential = self._credential(credential_id, version)
        if not isinstance(credential, ApnsCredential):
            raise BadCredential("broadcast channels are Apple's")
        url = self.settings.apns_broadcast_url
        if url is None:
            return cast("Broadcaster", self._senders.get(credential_id, version, credential))
        elsewhere = replace(credential, url=url)  # kept beside the other, whose key is above zero
        return cast("Broadcaster", self._senders.get(-credential_id, version, elsewhere))

    def _unseal(self, credential_id: int, _version: int) -> Credential:
        """Read and decrypt a credential; a new version of it is kept beside the old one."""
        with db.reading() as connection:
            sealed = find_sealed(connection, credential_id)
        if sealed is None or self.settings.secret_key is None:
            raise BadCredential("the credential cannot be opened: is PIPELINE_SECRET_KEY set?")
        return unseal(self.settings.secret_key.get_secret_value(), sealed)

    def close(self) -> None:
        """Say GOAWAY to the providers and close every connection."""
        self._senders.close_all()
        self.budgets.close()
