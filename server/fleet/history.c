#include "server/fleet/history.h"

#include "server/fleet/fleet.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS       ((int64_t)86400000)
#define EACH_HOUR_MS (7 * DAY_MS)
#define EACH_DAY_MS  (366 * DAY_MS)
#define GROUPS_SEEN  1000u /* what is looked at under the lock */

bool updraft_history_keeps(int64_t at_ms, int64_t now_ms)
{
    return now_ms - at_ms <= EACH_HOUR_MS || (now_ms - at_ms <= EACH_DAY_MS && at_ms % DAY_MS == 0);
}

void updraft_history_deinit(struct updraft_history *history)
{
    free(history->entries);
}

static struct updraft_history_entry *find(const struct updraft_history *history,
                                          const struct updraft_history_row *row)
{
    for (size_t i = history->count; i-- > 0 && history->entries[i].at_ms >= row->at_ms;) {
        struct updraft_history_entry *entry = &history->entries[i];
        if (entry->at_ms == row->at_ms && entry->product != NULL &&
            strcmp(entry->product, row->product) == 0 && strcmp(entry->version, row->version) == 0)
            return entry;
    }
    return NULL;
}

/* Rows come in order of time but for those of another server, which are late by a moment. */
static struct updraft_history_entry *insert(struct updraft_history *history, int64_t at_ms)
{
    UPDRAFT_MEMORY_RESERVE(history->entries, history->count, history->cap);
    size_t at = history->count++;
    for (; at > 0 && history->entries[at - 1].at_ms > at_ms; at--)
        history->entries[at] = history->entries[at - 1];
    return &history->entries[at];
}

void updraft_history_apply(struct updraft_fleet *fleet, const struct updraft_history_row *row)
{
    struct updraft_history *history = &fleet->history;
    struct updraft_history_entry *entry = find(history, row);

    if (entry == NULL) {
        entry = insert(history, row->at_ms);
        entry->at_ms = row->at_ms;
        entry->product = updraft_intern_take(&fleet->texts, row->product);
        entry->version = updraft_intern_take(&fleet->texts, row->version);
    }
    entry->devices = row->devices;
    if (history->newest_ms < row->at_ms)
        history->newest_ms = row->at_ms;
}

/* Half of the array at a time, so that a single row costs next to nothing. */
static void sweep(struct updraft_history *history)
{
    size_t kept = 0;

    if (history->gone * 2 < history->count)
        return;
    for (size_t i = 0; i < history->count; i++) {
        if (history->entries[i].product != NULL)
            history->entries[kept++] = history->entries[i];
    }
    history->count = kept;
    history->gone = 0;
}

void updraft_history_end(struct updraft_fleet *fleet, const struct updraft_history_row *row)
{
    struct updraft_history_entry *entry = find(&fleet->history, row);

    if (entry == NULL)
        return;
    updraft_intern_drop(&fleet->texts, entry->product);
    updraft_intern_drop(&fleet->texts, entry->version);
    entry->product = entry->version = NULL;
    fleet->history.gone++;
    sweep(&fleet->history);
}

bool updraft_history_due(const struct updraft_fleet *fleet, int64_t now_ms)
{
    return fleet->device_count > 0 &&
           now_ms / UPDRAFT_HISTORY_STEP_MS > fleet->history.newest_ms / UPDRAFT_HISTORY_STEP_MS;
}

static int by_count(const void *a, const void *b)
{
    const struct updraft_group *const *x = a, *const *y = b;

    return (*x)->count < (*y)->count ? 1 : (*x)->count > (*y)->count ? -1 : 0;
}

static size_t choose_groups(const struct updraft_fleet *fleet,
                            const struct updraft_group *groups[GROUPS_SEEN])
{
    size_t count = 0, seen = 0;

    for (const struct updraft_group *group = fleet->tally.first;
         group != NULL && seen < GROUPS_SEEN; group = group->next, seen++) {
        if (updraft_fleet_find_product(fleet, group->product) != NULL)
            groups[count++] = group;
    }
    qsort(groups, count, sizeof *groups, by_count);
    return count < UPDRAFT_HISTORY_GROUPS_MOST ? count : UPDRAFT_HISTORY_GROUPS_MOST;
}

static size_t count_old(const struct updraft_history *history, int64_t now_ms)
{
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++)
        count += history->entries[i].product != NULL &&
                 !updraft_history_keeps(history->entries[i].at_ms, now_ms);
    return count;
}

static void set_row(struct updraft_history_row *row, int64_t at_ms, const char *product,
                    const char *version)
{
    row->at_ms = at_ms;
    updraft_name_set(row->product, sizeof row->product, product);
    updraft_name_set(row->version, sizeof row->version, version);
}

size_t updraft_history_plan(const struct updraft_fleet *fleet, int64_t now_ms,
                            struct updraft_change **changes)
{
    const struct updraft_history *history = &fleet->history;
    const int64_t at_ms = now_ms - now_ms % UPDRAFT_HISTORY_STEP_MS;
    const struct updraft_group *groups[GROUPS_SEEN];
    size_t count = choose_groups(fleet, groups);

    *changes = updraft_memory_grow(NULL, count + count_old(history, now_ms) + 1, sizeof **changes);
    for (size_t i = 0; i < count; i++) {
        struct updraft_change *change = memset(&(*changes)[i], 0, sizeof *change);
        change->kind = UPDRAFT_CHANGE_HISTORY;
        set_row(&change->row.history, at_ms, groups[i]->product, groups[i]->version);
        change->row.history.devices = groups[i]->count;
    }
    for (size_t i = 0; i < history->count; i++) {
        const struct updraft_history_entry *entry = &history->entries[i];
        if (entry->product == NULL || updraft_history_keeps(entry->at_ms, now_ms))
            continue;
        struct updraft_change *change = memset(&(*changes)[count++], 0, sizeof *change);
        change->kind = UPDRAFT_CHANGE_HISTORY_END;
        set_row(&change->row.history, entry->at_ms, entry->product, entry->version);
    }
    return count;
}
