package share

// Migrations are the steps of this package's tables, for db.Migrate(ctx, "share", Migrations).
var Migrations = []string{`
CREATE TABLE share_submission (
	id TEXT PRIMARY KEY, request TEXT NOT NULL, upload_token BLOB NOT NULL UNIQUE, clips INTEGER NOT NULL DEFAULT 0);
CREATE INDEX share_submission_request ON share_submission(request);
CREATE TABLE share_upload (
	id TEXT PRIMARY KEY, submission TEXT NOT NULL REFERENCES share_submission(id), length INTEGER NOT NULL,
	received INTEGER NOT NULL DEFAULT 0, header BLOB NOT NULL DEFAULT x'', payload INTEGER NOT NULL DEFAULT 0,
	whole BLOB NOT NULL, body BLOB NOT NULL, expires INTEGER NOT NULL, dead INTEGER NOT NULL DEFAULT 0);
CREATE INDEX share_upload_expires ON share_upload(expires);
`}
