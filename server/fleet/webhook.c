#include "server/fleet/webhook.h"

#include "server/fleet/fleet.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>

struct updraft_webhook *updraft_fleet_webhook_by_id(const struct updraft_fleet *fleet, int64_t id)
{
    for (size_t i = 0; i < fleet->webhook_count; i++) {
        if (fleet->webhooks[i]->row.id == id)
            return fleet->webhooks[i];
    }
    return NULL;
}

struct updraft_webhook *updraft_fleet_find_webhook(const struct updraft_fleet *fleet,
                                                   const char *name)
{
    for (size_t i = 0; i < fleet->webhook_count; i++) {
        if (strcmp(fleet->webhooks[i]->row.name, name) == 0)
            return fleet->webhooks[i];
    }
    return NULL;
}

int64_t updraft_fleet_next_webhook_id(const struct updraft_fleet *fleet)
{
    int64_t most = fleet->webhook_newest_id;

    for (size_t i = 0; i < fleet->webhook_count; i++)
        most = fleet->webhooks[i]->row.id > most ? fleet->webhooks[i]->row.id : most;
    return most + 1;
}

void updraft_webhook_apply(struct updraft_fleet *fleet, const struct updraft_webhook_row *row)
{
    struct updraft_webhook *webhook = updraft_fleet_webhook_by_id(fleet, row->id);

    if (webhook == NULL) {
        webhook = updraft_memory_new(sizeof *webhook);
        UPDRAFT_MEMORY_RESERVE(fleet->webhooks, fleet->webhook_count, fleet->webhook_cap);
        fleet->webhooks[fleet->webhook_count++] = webhook;
    }
    webhook->row = *row;
    if (fleet->webhook_newest_id < row->id)
        fleet->webhook_newest_id = row->id;
}

void updraft_webhook_end(struct updraft_fleet *fleet, const struct updraft_webhook_row *row)
{
    size_t kept = 0;

    for (size_t i = 0; i < fleet->webhook_count; i++) {
        if (fleet->webhooks[i]->row.id == row->id)
            free(fleet->webhooks[i]);
        else
            fleet->webhooks[kept++] = fleet->webhooks[i];
    }
    fleet->webhook_count = kept;
}

void updraft_webhook_free_all(struct updraft_fleet *fleet)
{
    for (size_t i = 0; i < fleet->webhook_count; i++)
        free(fleet->webhooks[i]);
    free(fleet->webhooks);
}
