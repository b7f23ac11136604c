/* Texts that many rows share, kept once: versions, products, channels, slots. A million devices run a
 * few dozen versions.
 *
 * Each text counts its uses and goes with the last one. Devices are not authenticated and may say anything:
 * one that tells a new version every second would otherwise fill the memory with what nobody refers
 * to. As it is, texts cost at most what the rows that are kept would cost with a text of their own.
 *
 * Owns: the texts; one is valid, and at its place, until its last use is dropped. "" is no entry and
 * counts nothing. Texts of one interner are equal when their addresses are. One thread at a time. */
#ifndef UPDRAFT_SERVER_FLEET_INTERN_H
#define UPDRAFT_SERVER_FLEET_INTERN_H

#include "server/fleet/table.h"

struct updraft_intern {
    struct updraft_table table;
    struct updraft_hash_key key;
};

/* The one "". */
extern const char updraft_intern_empty[1];

void updraft_intern_init(struct updraft_intern *intern);
/* Frees what is left, used or not. */
void updraft_intern_deinit(struct updraft_intern *intern);

const char *updraft_intern_take(struct updraft_intern *intern, const char *text);
void updraft_intern_drop(struct updraft_intern *intern, const char *text);
/* *use becomes a use of text; what it was before is dropped. */
void updraft_intern_set(struct updraft_intern *intern, const char **use, const char *text);

#endif
