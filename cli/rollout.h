/* What the commands about rollouts share: the order that they send, and how a rollout is shown. */
#ifndef UPDRAFT_CLI_ROLLOUT_H
#define UPDRAFT_CLI_ROLLOUT_H

#include "cli/server.h"

/* Which devices, and how far each stage goes: what a preview needs. */
#define UPDRAFT_ROLLOUT_WHOM_OPTIONS                                                               \
    {"filter", 0, "TEXT",                                                                          \
     "only these devices: terms such as group=garage 'version<1.2' tag!=lab (default: all)"},      \
    {                                                                                              \
        "stages", 0, "LIST", "how far each stage goes (default: '1% 10% 50% 100%'; '10 100 100%')" \
    }

/* The body of a request; false after a failure. The caller frees it with cJSON_free(). */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_rollout_order(struct updraft_cli *cli,
                                                           const char *const *words, char **body);

/* "/api/v1/rollouts/7/pause"; the word is a rollout's number as typed. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_rollout_path(struct updraft_cli *cli, const char *word,
                                                          const char *action, char *path,
                                                          size_t path_cap);

/* "9 confirmed, 1 trial", states that no device is in left out. */
void updraft_rollout_counts(const cJSON *counts, char *text, size_t text_cap);
/* All there is to know, on stdout. */
void updraft_rollout_print(const cJSON *rollout);

#endif
