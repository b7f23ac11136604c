/* What the server has on record of the simulated fleet: taken up at the start, compared with the truth
 * at the end.
 *
 * Owns: walking through the server's lists, and what counts as a difference. Does not own: the truth
 * (device.h). Memory: for the time of a call, 32 bytes a device. */
#ifndef UPDRAFT_CLI_SIMULATE_BOOKS_H
#define UPDRAFT_CLI_SIMULATE_BOOKS_H

#include "cli/server.h"
#include "cli/simulate/device.h"

#define UPDRAFT_SIM_DIFFERENCES_SHOWN 20u

struct updraft_sim_fleet {
    const struct updraft_sim_world *world;
    struct updraft_sim_device *devices;
    uint32_t count;
};

struct updraft_sim_comparison {
    uint32_t compared;
    uint32_t uncertain; /* their last request was never answered: not compared */
    uint32_t differences;
    uint32_t ends[UPDRAFT_SIM_STATE_COUNT]; /* by the books: how attempts of this run ended */
    cJSON *list;                            /* of the first differences; the caller's */
};

/* Devices that the server knows go on from there. *last_attempt is the newest attempt's id. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_sim_books_adopt(struct updraft_cli *cli,
                                                             const struct updraft_server *server,
                                                             struct updraft_sim_fleet *fleet,
                                                             double *last_attempt);
/* last_attempt: what adopt gave. */
UPDRAFT_MUST_CHECK enum updraft_exit
updraft_sim_books_compare(struct updraft_cli *cli, const struct updraft_server *server,
                          const struct updraft_sim_fleet *fleet, double last_attempt,
                          struct updraft_sim_comparison *comparison);

/* Whether the server's object of a device (NULL: it has none) and its count of ended attempts say the
 * same as the device's book. If not, what differs and both sides of it. */
struct updraft_sim_difference {
    const char *what;
    char truth[48];
    char books[48];
};
bool updraft_sim_book_differs(const struct updraft_sim_device *device, const cJSON *object,
                              const uint8_t ends[UPDRAFT_SIM_STATE_COUNT],
                              struct updraft_sim_difference *difference);

#endif
