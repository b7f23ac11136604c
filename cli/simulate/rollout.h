/* The rollout that takes the simulated fleet's channel somewhere, as the server tells it.
 *
 * Owns: reading it, and the words for it. Memory: `json`, the last that was read, until end. */
#ifndef UPDRAFT_CLI_SIMULATE_ROLLOUT_H
#define UPDRAFT_CLI_SIMULATE_ROLLOUT_H

#include "cli/server.h"
#include "cli/simulate/device.h"

struct updraft_sim_rollout {
    bool is_absent; /* the server knows of no rollouts, or does not say */
    bool is_open;   /* one has not come to its end */
    cJSON *json;    /* the newest that was seen open; NULL: none */
};

/* Asks once; the answer replaces what was known. */
void updraft_sim_rollout_look(struct updraft_sim_rollout *rollout,
                              const struct updraft_server *server,
                              const struct updraft_sim_world *world);
void updraft_sim_rollout_end(struct updraft_sim_rollout *rollout);

/* "rollout 3 to 2.0.0 running, stage 1 of 4: 100 devices, 80 confirmed, 2 rolled back, 0 failed"; of
 * one that has stopped, why. Empty when there is none. */
void updraft_sim_rollout_line(const cJSON *rollout, char *out, size_t out_cap);

#endif
