CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE app (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE delivery (
	run_id BIGINT NOT NULL, 
	device_key BIGINT NOT NULL, 
	outcome TEXT NOT NULL, 
	reason TEXT, 
	provider_id TEXT, 
	attempts SMALLINT NOT NULL, 
	settled_at BIGINT NOT NULL, 
	PRIMARY KEY (run_id, device_key)
);
CREATE TABLE heartbeat (
	name TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE set_aside (
	id BIGSERIAL NOT NULL, 
	queue TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	body BYTEA NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE api_key (
	id BIGSERIAL NOT NULL, 
	app_id TEXT NOT NULL, 
	key_hash BYTEA NOT NULL, 
	hint TEXT NOT NULL, 
	scopes JSONB NOT NULL, 
	channel_patterns JSONB, 
	created_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (key_hash)
);
CREATE TABLE app_user (
	app_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	properties JSONB NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (app_id, user_id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE
);
CREATE TABLE channel (
	id BIGSERIAL NOT NULL, 
	app_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, name)
);
CREATE TABLE credential (
	id BIGSERIAL NOT NULL, 
	app_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	sealed BYTEA NOT NULL, 
	version INTEGER NOT NULL, 
	paused_until BIGINT, 
	held_reason TEXT, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, provider, environment)
);
CREATE TABLE device (
	id BIGSERIAL NOT NULL, 
	app_id TEXT NOT NULL, 
	device_id TEXT NOT NULL, 
	token TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	os_version TEXT, 
	environment TEXT NOT NULL, 
	user_id TEXT, 
	properties JSONB, 
	locale TEXT, 
	time_zone TEXT, 
	expires_at BIGINT, 
	state TEXT NOT NULL, 
	state_reason TEXT, 
	created_at BIGINT NOT NULL, 
	registered_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, device_id), 
	UNIQUE (app_id, token)
);
CREATE INDEX device_expiring ON device (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE message (
	id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	content JSONB NOT NULL, 
	delivery_options JSONB NOT NULL, 
	dedupe_key TEXT, 
	state TEXT NOT NULL, 
	error_message TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, dedupe_key)
);
CREATE TABLE template (
	id BIGSERIAL NOT NULL, 
	app_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	body JSONB NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, kind, name)
);
CREATE TABLE run (
	id BIGSERIAL NOT NULL, 
	message_id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	due_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	bulk BOOLEAN NOT NULL, 
	guarded BOOLEAN NOT NULL, 
	audience INTEGER DEFAULT 0 NOT NULL, 
	cursor BIGINT DEFAULT 0 NOT NULL, 
	lease_until BIGINT, 
	woken_at BIGINT, 
	started_at BIGINT, 
	fanned_at BIGINT, 
	finished_at BIGINT, 
	error_message TEXT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(message_id) REFERENCES message (id) ON DELETE CASCADE, 
	UNIQUE (message_id, n)
);
CREATE INDEX run_open ON run (due_at) WHERE finished_at IS NULL;
CREATE TABLE subscription (
	channel_key BIGINT NOT NULL, 
	device_key BIGINT NOT NULL, 
	PRIMARY KEY (channel_key, device_key), 
	FOREIGN KEY(channel_key) REFERENCES channel (id) ON DELETE CASCADE, 
	FOREIGN KEY(device_key) REFERENCES device (id) ON DELETE CASCADE
);
CREATE INDEX subscription_device ON subscription (device_key);
CREATE TABLE batch (
	id BIGSERIAL NOT NULL, 
	run_id BIGINT NOT NULL, 
	platform TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	bulk BOOLEAN NOT NULL, 
	members BYTEA NOT NULL, 
	size INTEGER DEFAULT 0 NOT NULL, 
	attempt SMALLINT NOT NULL, 
	doubtful BOOLEAN NOT NULL, 
	not_before BIGINT NOT NULL, 
	woken_at BIGINT, 
	lease_until BIGINT, 
	claims INTEGER DEFAULT 0 NOT NULL, 
	stalls INTEGER DEFAULT 0 NOT NULL, 
	settled INTEGER DEFAULT 0 NOT NULL, 
	noted INTEGER DEFAULT 0 NOT NULL, 
	accepted INTEGER DEFAULT 0 NOT NULL, 
	rejected INTEGER DEFAULT 0 NOT NULL, 
	expired INTEGER DEFAULT 0 NOT NULL, 
	cancelled INTEGER DEFAULT 0 NOT NULL, 
	unknown INTEGER DEFAULT 0 NOT NULL, 
	moved INTEGER DEFAULT 0 NOT NULL, 
	resent INTEGER DEFAULT 0 NOT NULL, 
	reasons JSONB, 
	finished_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE INDEX batch_due ON batch (not_before) WHERE finished_at IS NULL;
CREATE INDEX batch_open ON batch (run_id) WHERE finished_at IS NULL;
CREATE INDEX batch_run ON batch (run_id);
CREATE TABLE app_access (
	app_id TEXT NOT NULL, 
	hosts JSONB NOT NULL, 
	open_scopes JSONB, 
	publish_rules JSONB NOT NULL, 
	token_rules JSONB, 
	token_key BYTEA, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (app_id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE
);
ALTER TABLE app ADD COLUMN time_zone TEXT DEFAULT 'UTC' NOT NULL;
ALTER TABLE device ADD COLUMN zone_before TEXT;
ALTER TABLE device ADD COLUMN zone_since BIGINT;
ALTER TABLE run ADD COLUMN zone TEXT;
ALTER TABLE run ADD COLUMN zone_default BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE message ADD COLUMN ended_at BIGINT;
UPDATE message SET ended_at = COALESCE(
    (SELECT max(run.finished_at) FROM run WHERE run.message_id = message.id), created_at
) WHERE state <> 'scheduled';
CREATE INDEX run_finished ON run (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX message_ended ON message (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX set_aside_at ON set_aside (at);
CREATE INDEX device_of_app ON device (app_id, id);
INSERT INTO app (id, name, created_at) VALUES ('APP-1', 'An app', 0);
INSERT INTO channel (id, app_id, name, created_at) VALUES (1, 'APP-1', 'news', 0);
INSERT INTO device (id, app_id, device_id, token, kind, platform, environment, state, created_at, registered_at) VALUES (7, 'APP-1', 'dev-7', 'ab', 'apns', 'IOS', '', 'active', 0, 0);
INSERT INTO subscription VALUES (1, 7);
INSERT INTO message (id, app_id, channel, content, delivery_options, state, created_at) VALUES ('message:1', 'APP-1', 'news', '{"message": "old"}', '{}', 'scheduled', 0);
INSERT INTO run (id, message_id, app_id, n, due_at, expires_at, state, bulk, guarded) VALUES (3, 'message:1', 'APP-1', 1, 0, 9, 'sending', false, true);
INSERT INTO set_aside (id, queue, reason, body, at) VALUES (5, 'apns', 'is no JSON', 'x', 0);
INSERT INTO alembic_version VALUES ('0005');
