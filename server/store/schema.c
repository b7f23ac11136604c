#include "server/store/schema.h"

const char *const updraft_schema_steps[] = {
    "CREATE TABLE products(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " created_ms INTEGER NOT NULL);"
    "CREATE TABLE releases(id INTEGER PRIMARY KEY,"
    " product_id INTEGER NOT NULL REFERENCES products(id), version TEXT NOT NULL,"
    " notes TEXT NOT NULL, created_ms INTEGER NOT NULL, UNIQUE(product_id, version));"
    "CREATE TABLE images(release_id INTEGER NOT NULL REFERENCES releases(id),"
    " chip INTEGER NOT NULL, sha256 BLOB NOT NULL, md5 BLOB NOT NULL, size INTEGER NOT NULL,"
    " project TEXT NOT NULL, idf TEXT NOT NULL, PRIMARY KEY(release_id, chip)) WITHOUT ROWID;"
    "CREATE TABLE channels(product_id INTEGER NOT NULL REFERENCES products(id),"
    " name TEXT NOT NULL, release_id INTEGER NOT NULL REFERENCES releases(id),"
    " PRIMARY KEY(product_id, name)) WITHOUT ROWID;"
    "CREATE TABLE devices(id TEXT PRIMARY KEY, name TEXT NOT NULL, product TEXT NOT NULL,"
    " channel TEXT NOT NULL, version TEXT NOT NULL, slot TEXT NOT NULL, address TEXT NOT NULL,"
    " chip INTEGER NOT NULL, reports INTEGER NOT NULL, confirmed INTEGER NOT NULL,"
    " trial INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL);"
    "CREATE TABLE attempts(id INTEGER PRIMARY KEY,"
    " device TEXT NOT NULL REFERENCES devices(id), product TEXT NOT NULL,"
    " from_version TEXT NOT NULL, to_version TEXT NOT NULL, via INTEGER NOT NULL,"
    " state INTEGER NOT NULL, progress INTEGER NOT NULL, error_code INTEGER NOT NULL,"
    " error_name TEXT NOT NULL, error_text TEXT NOT NULL, started_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL);"
    "CREATE TABLE tokens(id INTEGER PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL);",
    "CREATE TABLE logs(attempt_id INTEGER PRIMARY KEY REFERENCES attempts(id),"
    " text TEXT NOT NULL);",
    /* The tokens of before were all there was to be: they may do everything, for ever. */
    "ALTER TABLE tokens ADD COLUMN role INTEGER NOT NULL DEFAULT 4;"
    "ALTER TABLE tokens ADD COLUMN expires_ms INTEGER NOT NULL DEFAULT 0;",
    /* A ring: the row of an id goes where the one of UPDRAFT_AUDIT_CAP before stands. */
    "CREATE TABLE audit(slot INTEGER PRIMARY KEY, id INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " operator TEXT NOT NULL, endpoint TEXT NOT NULL, object TEXT NOT NULL, address TEXT NOT NULL,"
    " status INTEGER NOT NULL);",
    "ALTER TABLE images ADD COLUMN sha1 BLOB NOT NULL"
    " DEFAULT x'0000000000000000000000000000000000000000';",
    "CREATE TABLE rollouts(id INTEGER PRIMARY KEY,"
    " product_id INTEGER NOT NULL REFERENCES products(id), channel TEXT NOT NULL,"
    " release_id INTEGER NOT NULL REFERENCES releases(id),"
    " from_release_id INTEGER NOT NULL REFERENCES releases(id), filter TEXT NOT NULL,"
    " stages TEXT NOT NULL, bounds TEXT NOT NULL, confirmed_least INTEGER NOT NULL,"
    " failed_most INTEGER NOT NULL, rolled_back_most INTEGER NOT NULL,"
    " silent_most INTEGER NOT NULL, soak_s INTEGER NOT NULL, silent_after_s INTEGER NOT NULL,"
    " window_from_min INTEGER NOT NULL, window_to_min INTEGER NOT NULL, start_ms INTEGER NOT NULL,"
    " rate_per_min INTEGER NOT NULL, pause_on_success INTEGER NOT NULL, state INTEGER NOT NULL,"
    " cause INTEGER NOT NULL, stage INTEGER NOT NULL, stage_started_ms INTEGER NOT NULL,"
    " gate_met_ms INTEGER NOT NULL, retry_ms INTEGER NOT NULL, reason TEXT NOT NULL,"
    " made_by TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);"
    "ALTER TABLE attempts ADD COLUMN rollout_id INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE history(at_ms INTEGER NOT NULL, product TEXT NOT NULL, version TEXT NOT NULL,"
    " devices INTEGER NOT NULL, PRIMARY KEY(at_ms, product, version)) WITHOUT ROWID;",
    "CREATE TABLE webhooks(id INTEGER PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL,"
    " events TEXT NOT NULL, secret TEXT NOT NULL, made_by TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, tested_ms INTEGER NOT NULL);",
    "ALTER TABLE images ADD COLUMN withdrawn_ms INTEGER NOT NULL DEFAULT 0;",
    /* An image may be for one board of its chip: the key of images grows. */
    "ALTER TABLE releases ADD COLUMN security INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE releases ADD COLUMN cves TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE releases ADD COLUMN min_from TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE images RENAME TO images_without_board;"
    "CREATE TABLE images(release_id INTEGER NOT NULL REFERENCES releases(id),"
    " chip INTEGER NOT NULL, board TEXT NOT NULL, sha256 BLOB NOT NULL, md5 BLOB NOT NULL,"
    " size INTEGER NOT NULL, project TEXT NOT NULL, idf TEXT NOT NULL, sha1 BLOB NOT NULL,"
    " withdrawn_ms INTEGER NOT NULL, PRIMARY KEY(release_id, chip, board)) WITHOUT ROWID;"
    "INSERT INTO images(release_id, chip, board, sha256, md5, size, project, idf, sha1,"
    " withdrawn_ms)"
    " SELECT release_id, chip, '', sha256, md5, size, project, idf, sha1, withdrawn_ms"
    " FROM images_without_board;"
    "DROP TABLE images_without_board;"
    "CREATE TABLE boards(product_id INTEGER NOT NULL REFERENCES products(id), name TEXT NOT NULL,"
    " chip INTEGER NOT NULL, layout TEXT NOT NULL, PRIMARY KEY(product_id, name)) WITHOUT ROWID;"
    "ALTER TABLE devices ADD COLUMN board TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE devices ADD COLUMN layout TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE labels(device TEXT PRIMARY KEY REFERENCES devices(id), name TEXT NOT NULL,"
    " group_name TEXT NOT NULL, tags TEXT NOT NULL, attributes TEXT NOT NULL,"
    " channel TEXT NOT NULL, retry_ms INTEGER NOT NULL);",
};
const int updraft_schema_version =
    (int)(sizeof updraft_schema_steps / sizeof *updraft_schema_steps);
