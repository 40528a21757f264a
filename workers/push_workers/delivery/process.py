"""What one worker process keeps between tasks: settings, senders, and the runs it is sending.

Made after the fork, in the child: connections to providers are opened there and kept.
"""

import os
import random
from functools import lru_cache

from push_pipeline import db
from push_pipeline.content import Content
from push_pipeline.content.badge import BadgeChange
from push_pipeline.content.languages import DEFAULT
from push_pipeline.content.sizes import size_of
from push_pipeline.credentials import Credential, unseal
from push_pipeline.directory.apps import android_style, counts_badges, needs_sdk_copy
from push_pipeline.directory.provider_routes import find_sealed
from push_pipeline.errors import BadCredential
from push_pipeline.ledger.runs import RunView, find_run
from push_pipeline.ledger.values import Standing
from push_pipeline.outcome import NO_VERDICTS, Recent
from push_pipeline.platform import Platform
from push_pipeline.settings import Settings, get_settings
from push_pipeline.template.wording import Wording
from push_workers.delivery.backoff import Backoff
from push_workers.delivery.personalise import Marks, Prepared
from push_workers.delivery.settle import Rules
from push_workers.senders.base import Rendered, Sender
from push_workers.senders.registry import MOST_SENDERS, SenderPool, render_for

#: Runs whose content and rendered payloads are kept. One is a few kilobytes.
RUNS_KEPT = 128

#: Credentials that are kept decrypted: as many as may have a sender, for only these are in use.
CREDENTIALS_KEPT = MOST_SENDERS

#: Seconds by which FCM may keep a notification longer than its message lives.
RENDERED_SECONDS = 60.0


class RunFacts:
    """A run's message, rendered once per platform and language in this process."""

    def __init__(
        self,
        run: RunView,
        android_style: str = "data",
        *,
        counts_badges: bool = False,
        sdk_copy: bool = True,
    ) -> None:
        self.run = run
        self.counts_badges = counts_badges
        self._android_style = android_style
        self._sdk_copy = sdk_copy
        others = run.content.get("languages", {})
        self._said = {DEFAULT: run.content, **others}
        self.languages = frozenset(others)  # beside the default
        self._wordings = {
            (language, platform): Wording.from_json(stored)
            for language, content in self._said.items()
            for platform, stored in content.get("wordings", {}).items()
        }
        self._marks = {platform.value: self._mark(platform) for platform in Platform}
        self._badge_changes = {
            platform.value: self._content(DEFAULT, platform).badge_change(platform)
            for platform in Platform
        }
        self._prepared: dict[tuple[str, str], tuple[float, Prepared]] = {}

    def columns(self, platform: str) -> tuple[str, ...]:
        """Return the columns of users that the message asks for on a platform."""
        return self._marks[platform].columns

    def badge_change(self, platform: str) -> BadgeChange | None:
        """Return what becomes of the badges of a platform's devices; None where none is kept."""
        change = self._badge_changes[platform]
        kept = change is not None and (change.raised or self.counts_badges)
        return change if kept else None

    def _mark(self, platform: Platform) -> Marks:
        wordings = (one for (_, where), one in self._wordings.items() if where == platform)
        return Marks(dict.fromkeys(column for one in wordings for column in one.columns))

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
        marks = self._marks[platform]
        contents = {language: self._content(language, platform) for language in self._said}
        rendered = {
            tag: self._render(content, platform, provider, now) for tag, content in contents.items()
        }
        change = self._badge_changes[platform.value]
        raised = change is not None and change.raised
        if not (marks.columns or self.languages or raised):
            return Prepared(rendered[DEFAULT])
        splices = {
            tag: marks.splice(
                rendered[tag].body,
                platform,
                size_of(content, platform, self.run.message_id),
                self._needed(tag, platform),
            )
            for tag, content in contents.items()
        }
        return Prepared(rendered[DEFAULT], splices)

    def _needed(self, language: str, platform: Platform) -> frozenset[str]:
        wording = self._wordings.get((language, platform.value))
        return frozenset() if wording is None else wording.needed(platform)

    def _content(self, language: str, platform: Platform) -> Content:
        wording = self._wordings.get((language, platform.value))
        marks = self._marks[platform.value]
        content = (
            Content.from_json(self._said[language])
            if wording is None
            else wording.content(marks.words)
        )
        styled = content.styled(self._android_style).copied(self._sdk_copy)
        return styled.counting(marks.badge)

    def _render(self, content: Content, platform: Platform, provider: str, now: float) -> Rendered:
        run = self.run
        return render_for(provider)(
            content,
            platform,
            message_id=run.message_id,
            collapse_id=f"{run.message_id.removeprefix('message:')}.{run.n}",
            expires_at=run.expires_at // 1000 if run.delivery_options.ttl_seconds else 0,
            now=now,
        )


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
        self._run_facts = lru_cache(maxsize=RUNS_KEPT)(_read_facts)
        self._credential = lru_cache(maxsize=CREDENTIALS_KEPT)(self._unseal)
        self._senders = SenderPool(
            ca_file=str(self.settings.ca_file) if self.settings.ca_file else None,
            timeout=self.settings.send_timeout_seconds,
            connections=self.settings.connections,
        )

    def run_facts(self, run_id: int) -> RunFacts:
        """Return a run's message; what it says never changes, so it is read once."""
        return self._run_facts(run_id)

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
            troubled=0.0 if batch.troubled_since is None else (now - batch.troubled_since) / 1000,
        )

    def sender(self, batch: Standing) -> Sender:
        """Return the sender for a batch's route, made when a new credential version appears.

        Raises:
            BadCredential: it is gone, or was sealed with another secret key.
        """
        if batch.credential_id is None or batch.credential_version is None:
            raise BadCredential("the app has no credential for this platform")
        key = (batch.credential_id, batch.credential_version)
        return self._senders.get(*key, self._credential(*key))

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


def _read_facts(run_id: int) -> RunFacts:
    with db.reading() as connection:
        run = find_run(connection, run_id)
        if run is None:
            raise LookupError(f"run {run_id} has batches but no row")
        style, counts = android_style(connection, run.app_id), counts_badges(connection, run.app_id)
        copied = needs_sdk_copy(connection, run.app_id)
        return RunFacts(run, style, counts_badges=counts, sdk_copy=copied)
