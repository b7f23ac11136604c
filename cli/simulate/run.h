/* The simulated fleet in time: whose turn it is, the requests, the line that shows how it goes.
 *
 * Owns: the clock of the devices (which may run faster than ours), the schedule, the measurements.
 * Memory: about 1 KB a device and what traffic.h needs, from open to close. */
#ifndef UPDRAFT_CLI_SIMULATE_RUN_H
#define UPDRAFT_CLI_SIMULATE_RUN_H

#include "cli/simulate/books.h"
#include "cli/simulate/latency.h"
#include "cli/simulate/options.h"
#include "cli/simulate/rollout.h"
#include "cli/simulate/schedule.h"
#include "cli/simulate/traffic.h"

struct updraft_sim_run {
    struct updraft_cli *cli;
    const struct updraft_sim_options *options;
    const struct updraft_server *server;
    struct updraft_sim_fleet fleet;
    struct updraft_sim_schedule schedule;
    struct updraft_sim_traffic *traffic;
    struct updraft_latency latency[UPDRAFT_SIM_KIND_COUNT][UPDRAFT_SIM_WHAT_COUNT];
    uint64_t began_ms; /* of our clock, as below */
    uint64_t ended_ms;
    uint64_t shown_ms;
    uint64_t looked_ms;
    struct updraft_sim_rollout rollout;
    uint64_t sent;
    uint64_t unanswered;
    uint64_t refused; /* answered with 4xx or 5xx */
    uint64_t bytes;
    uint32_t settled;
    bool drains; /* only what was never answered is still sent */
};

/* What became of the fleet, by the truth. */
struct updraft_sim_totals {
    uint32_t settled;
    uint32_t silent;
    uint32_t lost; /* cannot boot, and has no way back */
    uint32_t begun;
    uint32_t ends[UPDRAFT_SIM_STATE_COUNT];
};

UPDRAFT_MUST_CHECK enum updraft_exit updraft_sim_run_open(struct updraft_sim_run *run);
void updraft_sim_run_close(struct updraft_sim_run *run);
/* Until the time is over, all are settled and no rollout is on its way if that was asked for, or the
 * user interrupts. */
void updraft_sim_run_go(struct updraft_sim_run *run);
void updraft_sim_run_count(const struct updraft_sim_run *run, struct updraft_sim_totals *totals);

#endif
