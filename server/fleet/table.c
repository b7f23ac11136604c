#include "server/fleet/table.h"

#include "format/assert.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS_AT_START 16u

/* --- the hash --- */

void updraft_hash_key_make(struct updraft_hash_key *key)
{
    /* So few bytes are never given in part, and not refused once the system is up. */
    UPDRAFT_ASSERT(getrandom(key, sizeof *key, 0) == (ssize_t)sizeof *key);
}

static uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint64_t load_le(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;

    for (size_t i = len; i-- > 0;)
        word = word << 8 | bytes[i];
    return word;
}

uint64_t updraft_hash(const struct updraft_hash_key *key, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    size_t left = len;
    uint64_t v[4] = {key->words[0] ^ 0x736f6d6570736575u, key->words[1] ^ 0x646f72616e646f6du,
                     key->words[0] ^ 0x6c7967656e657261u, key->words[1] ^ 0x7465646279746573u};

    for (;; at += 8, left -= 8) {
        uint64_t word = load_le(at, left < 8 ? left : 8);
        if (left < 8)
            word |= (uint64_t)len << 56;
        v[3] ^= word;
        mix(v);
        mix(v);
        v[0] ^= word;
        if (left < 8)
            break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- the table --- */

void updraft_table_init(struct updraft_table *table)
{
    *table =
        (struct updraft_table){.bucket_count = BUCKETS_AT_START, .bucket_cap = BUCKETS_AT_START};
    table->buckets = updraft_memory_new(BUCKETS_AT_START * sizeof(struct updraft_node *));
}

void updraft_table_deinit(struct updraft_table *table)
{
    free(table->buckets);
    table->buckets = NULL;
}

/* The buckets up to the power of two above their number; those of it that are not there yet have
 * their nodes in the lower half still. */
static size_t bucket_of(const struct updraft_table *table, uint32_t hash)
{
    size_t mask = table->bucket_cap - 1;
    size_t bucket = hash & mask;

    return bucket < table->bucket_count ? bucket : bucket & mask >> 1;
}

/* One more bucket, which takes its nodes from the one it was a part of. */
static void split(struct updraft_table *table)
{
    if (table->bucket_count == table->bucket_cap) {
        table->bucket_cap *= 2;
        table->buckets =
            updraft_memory_grow(table->buckets, table->bucket_cap, sizeof(struct updraft_node *));
    }
    size_t added = table->bucket_count++;
    struct updraft_node **from = &table->buckets[added - table->bucket_cap / 2];

    table->buckets[added] = NULL;
    while (*from != NULL) {
        struct updraft_node *node = *from;
        if (bucket_of(table, node->hash) != added) {
            from = &node->next;
            continue;
        }
        *from = node->next;
        node->next = table->buckets[added];
        table->buckets[added] = node;
    }
}

void updraft_table_add(struct updraft_table *table, struct updraft_node *node, uint64_t hash)
{
    if (++table->count > table->bucket_count)
        split(table);
    node->hash = (uint32_t)hash;
    struct updraft_node **bucket = &table->buckets[bucket_of(table, node->hash)];

    node->next = *bucket;
    *bucket = node;
}

void updraft_table_remove(struct updraft_table *table, struct updraft_node *node)
{
    struct updraft_node **at = &table->buckets[bucket_of(table, node->hash)];

    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    table->count--;
}

static struct updraft_node *of_hash(struct updraft_node *node, uint32_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct updraft_node *updraft_table_first(const struct updraft_table *table, uint64_t hash)
{
    return of_hash(table->buckets[bucket_of(table, (uint32_t)hash)], (uint32_t)hash);
}

struct updraft_node *updraft_table_next(const struct updraft_node *node)
{
    return of_hash(node->next, node->hash);
}
