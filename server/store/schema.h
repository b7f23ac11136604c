/* The tables that tables.c describes, as the steps that lead to them from nothing.
 *
 * The steps are SQLite's, in words that have the same meaning elsewhere: types INTEGER, TEXT and BLOB,
 * NOT NULL, DEFAULT, UNIQUE, PRIMARY KEY, REFERENCES; CREATE TABLE, ALTER TABLE ... ADD COLUMN, ALTER TABLE ... RENAME TO,
 * INSERT ... SELECT, DROP TABLE, UPDATE; x'..'
 * for bytes; WITHOUT ROWID at the end of a table. */
#ifndef UPDRAFT_SERVER_STORE_SCHEMA_H
#define UPDRAFT_SERVER_STORE_SCHEMA_H

/* Step N brings a database of version N to version N + 1. Steps are never edited, only added. */
extern const char *const updraft_schema_steps[];
/* What they lead to: their number. */
extern const int updraft_schema_version;

#endif
