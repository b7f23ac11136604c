#include "server/fleet/intern.h"

#include "format/assert.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct updraft_node node; /* first: a node is its entry */
    uint32_t uses;
    char text[];
};

const char updraft_intern_empty[1] = "";

static struct entry *entry_of(const char *text)
{
    return (struct entry *)(void *)(uintptr_t)(text - offsetof(struct entry, text));
}

void updraft_intern_init(struct updraft_intern *intern)
{
    updraft_hash_key_make(&intern->key);
    updraft_table_init(&intern->table);
}

void updraft_intern_deinit(struct updraft_intern *intern)
{
    for (size_t i = 0; i < intern->table.bucket_count; i++) {
        struct updraft_node *node = intern->table.buckets[i];
        while (node != NULL) {
            struct updraft_node *next = node->next;
            free(node);
            node = next;
        }
    }
    updraft_table_deinit(&intern->table);
}

const char *updraft_intern_take(struct updraft_intern *intern, const char *text)
{
    size_t len = strlen(text);

    if (len == 0)
        return updraft_intern_empty;
    const uint64_t hash = updraft_hash(&intern->key, text, len);
    struct updraft_node *node = updraft_table_first(&intern->table, hash);
    while (node != NULL && strcmp(((struct entry *)node)->text, text) != 0)
        node = updraft_table_next(node);
    struct entry *entry = (struct entry *)node;
    if (entry == NULL) {
        entry = updraft_memory_new(sizeof *entry + len + 1);
        memcpy(entry->text, text, len + 1);
        updraft_table_add(&intern->table, &entry->node, hash);
    }
    UPDRAFT_ASSERT(entry->uses < UINT32_MAX);
    entry->uses++;
    return entry->text;
}

void updraft_intern_drop(struct updraft_intern *intern, const char *text)
{
    if (text[0] == '\0')
        return;
    struct entry *entry = entry_of(text);

    if (--entry->uses > 0)
        return;
    updraft_table_remove(&intern->table, &entry->node);
    free(entry);
}

void updraft_intern_set(struct updraft_intern *intern, const char **use, const char *text)
{
    if (strcmp(*use, text) == 0)
        return;
    const char *before = *use;

    *use = updraft_intern_take(intern, text);
    updraft_intern_drop(intern, before);
}
