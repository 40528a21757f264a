BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE api_key (
	id INTEGER NOT NULL, 
	app_id TEXT NOT NULL, 
	key_hash BLOB NOT NULL, 
	hint TEXT NOT NULL, 
	scopes JSON NOT NULL, 
	channel_patterns JSON, 
	created_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (key_hash)
);
CREATE TABLE app (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, time_zone TEXT DEFAULT 'UTC' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "app" VALUES('APP-1','An app',0,'UTC');
CREATE TABLE app_access (
	app_id TEXT NOT NULL, 
	hosts JSON NOT NULL, 
	open_scopes JSON, 
	publish_rules JSON NOT NULL, 
	token_rules JSON, 
	token_key BLOB, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (app_id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE
);
CREATE TABLE app_user (
	app_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	properties JSON NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (app_id, user_id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE
);
CREATE TABLE batch (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	platform TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	bulk BOOLEAN NOT NULL, 
	members BLOB NOT NULL, 
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
	reasons JSON, 
	finished_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE
);
CREATE TABLE channel (
	id INTEGER NOT NULL, 
	app_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, name)
);
INSERT INTO "channel" VALUES(1,'APP-1','news',0);
CREATE TABLE credential (
	id INTEGER NOT NULL, 
	app_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	version INTEGER NOT NULL, 
	paused_until BIGINT, 
	held_reason TEXT, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, provider, environment)
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
)
 WITHOUT ROWID

;
CREATE TABLE "device" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	app_id TEXT NOT NULL, 
	device_id TEXT NOT NULL, 
	token TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	platform TEXT NOT NULL, 
	os_version TEXT, 
	environment TEXT NOT NULL, 
	user_id TEXT, 
	properties JSON, 
	locale TEXT, 
	time_zone TEXT, 
	expires_at BIGINT, 
	state TEXT NOT NULL, 
	state_reason TEXT, 
	created_at BIGINT NOT NULL, 
	registered_at BIGINT NOT NULL, 
	zone_before TEXT, 
	zone_since BIGINT, 
	UNIQUE (app_id, token), 
	UNIQUE (app_id, device_id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE
);
INSERT INTO "device" VALUES(7,'APP-1','dev-7','ab','apns','IOS',NULL,'',NULL,NULL,NULL,NULL,NULL,'active',NULL,0,0,NULL,NULL);
CREATE TABLE heartbeat (
	name TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE message (
	id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	content JSON NOT NULL, 
	delivery_options JSON NOT NULL, 
	dedupe_key TEXT, 
	state TEXT NOT NULL, 
	error_message TEXT, 
	created_at BIGINT NOT NULL, ended_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, dedupe_key)
);
INSERT INTO "message" VALUES('message:1','APP-1','news','{"message": "old"}','{}',NULL,'scheduled',NULL,0,NULL);
CREATE TABLE run (
	id INTEGER NOT NULL, 
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
	error_message TEXT, zone TEXT, zone_default BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(message_id) REFERENCES message (id) ON DELETE CASCADE, 
	UNIQUE (message_id, n)
);
INSERT INTO "run" VALUES(3,'message:1','APP-1',1,0,9,'sending',0,1,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE set_aside (
	id INTEGER NOT NULL, 
	queue TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	body BLOB NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "set_aside" VALUES(5,'apns','is no JSON','x',0);
CREATE TABLE subscription (
	channel_key INTEGER NOT NULL, 
	device_key INTEGER NOT NULL, 
	PRIMARY KEY (channel_key, device_key), 
	FOREIGN KEY(channel_key) REFERENCES channel (id) ON DELETE CASCADE, 
	FOREIGN KEY(device_key) REFERENCES device (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "subscription" VALUES(1,7);
CREATE TABLE template (
	id INTEGER NOT NULL, 
	app_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	body JSON NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(app_id) REFERENCES app (id) ON DELETE CASCADE, 
	UNIQUE (app_id, kind, name)
);
CREATE INDEX run_open ON run (due_at) WHERE finished_at IS NULL;
CREATE INDEX subscription_device ON subscription (device_key);
CREATE INDEX batch_due ON batch (not_before) WHERE finished_at IS NULL;
CREATE INDEX batch_open ON batch (run_id) WHERE finished_at IS NULL;
CREATE INDEX batch_run ON batch (run_id);
CREATE INDEX run_finished ON run (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX message_ended ON message (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX set_aside_at ON set_aside (at);
CREATE INDEX device_expiring ON device (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX device_of_app ON device (app_id, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('device',7);
COMMIT;
