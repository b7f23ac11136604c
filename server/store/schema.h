/* The tables of sqlite.c, as the steps that lead to them from nothing. */
#ifndef UPDRAFT_SERVER_STORE_SCHEMA_H
#define UPDRAFT_SERVER_STORE_SCHEMA_H

/* Step N brings a database of version N to version N + 1. Steps are never edited, only added. */
extern const char *const updraft_schema_steps[];
/* What they lead to: their number. */
extern const int updraft_schema_version;

#endif
