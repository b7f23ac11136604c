#include "server/fleet/tally.h"

#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

/* --- groups --- */

/* The texts are interned: their addresses stand for them, and no stranger chooses those. */
static uint64_t hash_of_texts(const char *product, const char *version)
{
    uint64_t hash = (uint64_t)(uintptr_t)product * 0x9e3779b97f4a7c15u;

    hash = (hash ^ (uint64_t)(uintptr_t)version) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

void updraft_tally_init(struct updraft_tally *tally)
{
    memset(tally, 0, sizeof *tally);
    updraft_table_init(&tally->table);
    tally->seen = updraft_memory_new(UPDRAFT_SEEN_STEPS * sizeof *tally->seen);
}

void updraft_tally_deinit(struct updraft_tally *tally)
{
    while (tally->first != NULL) {
        struct updraft_group *next = tally->first->next;
        free(tally->first);
        tally->first = next;
    }
    free(tally->seen);
    updraft_table_deinit(&tally->table);
}

static struct updraft_group *find(const struct updraft_tally *tally,
                                  const struct updraft_device *device)
{
    struct updraft_group *group = (struct updraft_group *)updraft_table_first(
        &tally->table, hash_of_texts(device->product, device->version));

    while (group != NULL &&
           (group->product != device->product || group->version != device->version))
        group = (struct updraft_group *)updraft_table_next(&group->node);
    return group;
}

static struct updraft_group *add_group(struct updraft_tally *tally,
                                       const struct updraft_device *device)
{
    struct updraft_group *group = updraft_memory_new(sizeof *group);

    group->product = device->product;
    group->version = device->version;
    group->previous = tally->last;
    if (tally->last != NULL)
        tally->last->next = group;
    else
        tally->first = group;
    tally->last = group;
    updraft_table_add(&tally->table, &group->node, hash_of_texts(group->product, group->version));
    return group;
}

static void remove_group(struct updraft_tally *tally, struct updraft_group *group)
{
    if (group->previous != NULL)
        group->previous->next = group->next;
    else
        tally->first = group->next;
    if (group->next != NULL)
        group->next->previous = group->previous;
    else
        tally->last = group->previous;
    updraft_table_remove(&tally->table, &group->node);
    free(group);
}

/* --- devices --- */

static enum updraft_attempt_state newest_of(const struct updraft_device *device)
{
    return device->newest == NULL ? UPDRAFT_ATTEMPT_NONE : device->newest->state;
}

void updraft_tally_put(struct updraft_tally *tally, const struct updraft_device *device)
{
    struct updraft_group *group = find(tally, device);
    enum updraft_attempt_state standing = updraft_device_standing(device);

    if (group == NULL)
        group = add_group(tally, device);
    group->count++;
    group->standings[standing]++;
    tally->count++;
    tally->standings[standing]++;
    tally->newest[newest_of(device)]++;
    tally->confirmed += device->confirmed;
}

void updraft_tally_take(struct updraft_tally *tally, const struct updraft_device *device)
{
    struct updraft_group *group = find(tally, device);
    enum updraft_attempt_state standing = updraft_device_standing(device);

    group->standings[standing]--;
    tally->count--;
    tally->standings[standing]--;
    tally->newest[newest_of(device)]--;
    tally->confirmed -= device->confirmed;
    if (--group->count == 0)
        remove_group(tally, group);
}

/* --- when they were seen --- */

static bool has_step(const struct updraft_tally *tally, int64_t step)
{
    return step > tally->seen_newest - (int64_t)UPDRAFT_SEEN_STEPS && step <= tally->seen_newest;
}

/* What falls out at the other end was seen more than a week ago. */
static void advance(struct updraft_tally *tally, int64_t step)
{
    if (step - tally->seen_newest >= (int64_t)UPDRAFT_SEEN_STEPS)
        memset(tally->seen, 0, UPDRAFT_SEEN_STEPS * sizeof *tally->seen);
    else
        for (int64_t at = tally->seen_newest + 1; at <= step; at++)
            tally->seen[at % UPDRAFT_SEEN_STEPS] = 0;
    tally->seen_newest = step;
}

void updraft_tally_see(struct updraft_tally *tally, int64_t before_ms, int64_t now_ms)
{
    int64_t before = before_ms / UPDRAFT_SEEN_STEP_MS, now = now_ms / UPDRAFT_SEEN_STEP_MS;

    if (before_ms > 0 && has_step(tally, before))
        tally->seen[before % UPDRAFT_SEEN_STEPS]--;
    if (now > tally->seen_newest)
        advance(tally, now);
    if (now_ms > 0 && has_step(tally, now))
        tally->seen[now % UPDRAFT_SEEN_STEPS]++;
}

uint64_t updraft_tally_seen(const struct updraft_tally *tally, int64_t now_ms, int64_t within_ms)
{
    int64_t from_ms = now_ms > within_ms ? now_ms - within_ms : 0;
    int64_t step = from_ms / UPDRAFT_SEEN_STEP_MS;
    uint64_t count = 0;

    if (!has_step(tally, step) && step <= tally->seen_newest)
        step = tally->seen_newest - (int64_t)UPDRAFT_SEEN_STEPS + 1;
    for (step = step < 0 ? 0 : step; step <= tally->seen_newest; step++)
        count += tally->seen[step % UPDRAFT_SEEN_STEPS];
    return count;
}
