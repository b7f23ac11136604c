/* What `updraft simulate` was told to do. Owns: reading times, shares and the mix. No I/O. */
#ifndef UPDRAFT_CLI_SIMULATE_OPTIONS_H
#define UPDRAFT_CLI_SIMULATE_OPTIONS_H

#include "cli/command.h"
#include "cli/simulate/device.h"

struct updraft_sim_options {
    struct updraft_sim_world world;
    uint32_t devices;
    uint32_t weights[UPDRAFT_SIM_KIND_COUNT];
    const char *from;
    const char *publish; /* version; NULL: nothing */
    uint32_t image_len;
    uint32_t sample_len;
    uint64_t duration_ms; /* of the devices' time */
    uint32_t speed;
    uint32_t parallel;
    bool keep_alive;
    bool until_settled;
};

extern const struct updraft_option updraft_sim_option_table[];

UPDRAFT_MUST_CHECK enum updraft_exit updraft_sim_options_read(struct updraft_cli *cli,
                                                              struct updraft_sim_options *options);

/* The kind of each device: as near to the weights as whole devices allow, and mixed, so that the
 * first thousand of a larger fleet are like the fleet. */
enum updraft_sim_kind updraft_sim_options_kind(const struct updraft_sim_options *options,
                                               uint32_t number);

/* "250ms", "30s", "5m", "1h", "2d"; a number alone is seconds. */
bool updraft_sim_parse_time(const char *text, uint64_t *ms);
/* "8%", "0.5%", "8": in parts of UPDRAFT_SIM_ODDS; over 100 % is refused. */
bool updraft_sim_parse_share(const char *text, uint32_t *odds);
/* "esp8266:40,channel:60"; a name alone weighs one. False when a name is unknown or nothing weighs. */
bool updraft_sim_parse_mix(const char *text, uint32_t weights[UPDRAFT_SIM_KIND_COUNT]);

#endif
