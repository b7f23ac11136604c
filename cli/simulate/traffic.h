/* The requests of many devices at once: libcurl's multi interface behind four functions.
 *
 * Owns: connections, buffers of the requests under way, the check of an image against the MD5 that was
 * promised, the clock of each request. Does not own: what is asked and what an answer means (wire.h).
 * Memory: about 7 KB for each request that may be under way, from open to close. */
#ifndef UPDRAFT_CLI_SIMULATE_TRAFFIC_H
#define UPDRAFT_CLI_SIMULATE_TRAFFIC_H

#include "cli/simulate/wire.h"

#define UPDRAFT_SIM_PARALLEL_MOST 1000u

struct updraft_sim_traffic;

/* An answer; everything in it is gone after the callback. */
struct updraft_sim_result {
    void *tag;
    const struct updraft_sim_request *request;
    unsigned status;     /* 0: no answer, or it broke off */
    const char *text;    /* of an answer that is no image; "" when there is none */
    const char *version; /* x-version; "" when absent */
    bool is_whole;
    uint32_t retry_after_s;
    uint64_t us;
    uint64_t body_len;
};

struct updraft_sim_traffic_config {
    unsigned parallel;
    bool keep_alive;     /* connections are used again; else each request has its own */
    uint32_t sample_len; /* of images: fetch so much; 0: all of it */
    void (*done)(void *ctx, const struct updraft_sim_result *result);
    void *ctx;
};

/* NULL when there is no memory. */
struct updraft_sim_traffic *
updraft_sim_traffic_open(const struct updraft_sim_traffic_config *config);
void updraft_sim_traffic_close(struct updraft_sim_traffic *traffic);

/* Room for the next request; NULL when as many as allowed are under way. It goes out with start. */
struct updraft_sim_request *updraft_sim_traffic_room(struct updraft_sim_traffic *traffic);
void updraft_sim_traffic_start(struct updraft_sim_traffic *traffic, void *tag);
/* Waits so long at most, calls done for each answer, and gives how many are still under way. */
unsigned updraft_sim_traffic_run(struct updraft_sim_traffic *traffic, int wait_ms);

#endif
