/* A hash table of objects that carry their own link. It grows by one bucket with each object that is
 * added (linear hashing), so that no call has to move all of them; and its hash has a secret key, so
 * that a device which chooses its id cannot choose its bucket.
 *
 * Owns: the buckets. Does not own: the objects, or what makes two of them equal: a search walks those of
 * a hash and compares. A node must not move while it is in the table. One thread at a time.
 * Source of the hash: SipHash-2-4, Aumasson and Bernstein, 2012. */
#ifndef UPDRAFT_SERVER_FLEET_TABLE_H
#define UPDRAFT_SERVER_FLEET_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct updraft_node {
    struct updraft_node *next;
    uint32_t hash; /* kept: most of those that are not meant are told apart without their bytes */
};

struct updraft_hash_key {
    uint64_t words[2];
};

struct updraft_table {
    struct updraft_node **buckets;
    size_t bucket_count;
    size_t bucket_cap; /* power of two */
    size_t count;      /* nodes */
};

/* Random bytes of the system. */
void updraft_hash_key_make(struct updraft_hash_key *key);
uint64_t updraft_hash(const struct updraft_hash_key *key, const void *bytes, size_t len);

void updraft_table_init(struct updraft_table *table);
void updraft_table_deinit(struct updraft_table *table);
void updraft_table_add(struct updraft_table *table, struct updraft_node *node, uint64_t hash);
/* It is in there. */
void updraft_table_remove(struct updraft_table *table, struct updraft_node *node);
/* Those of this hash, one after the other; NULL: no more. */
struct updraft_node *updraft_table_first(const struct updraft_table *table, uint64_t hash);
struct updraft_node *updraft_table_next(const struct updraft_node *node);

#endif
