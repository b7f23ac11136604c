/* The devices that were found, by whichever way; what one way told of a device is added to what
 * another did.
 *
 * Owns: the list, the merging, the filter, and the JSON names. Memory: from the heap, released by
 * updraft_found_free(). */
#ifndef UPDRAFT_CLI_FOUND_H
#define UPDRAFT_CLI_FOUND_H

#include "cli/command.h"

enum updraft_found_password {
    UPDRAFT_FOUND_PASSWORD_UNKNOWN,
    UPDRAFT_FOUND_PASSWORD_NO,
    UPDRAFT_FOUND_PASSWORD_YES,
};

/* Empty texts and zeros where it is not known. */
struct updraft_found {
    char name[64];
    char address[64];
    char host[128];
    char chip[32]; /* its slug */
    char board[48];
    char product[64];
    char version[64];
    char ways[64]; /* by commas */
    uint16_t http_port;
    uint16_t ota_port;
    enum updraft_found_password password;
    bool by_updraft; /* _updraft._tcp, or GET /status */
    bool by_arduino; /* _arduino._tcp, or espota answered */
};

struct updraft_found_list {
    struct updraft_found *items;
    size_t count;
    size_t cap;
};

/* A device is known by its address and one of its ports. False: out of memory. */
bool updraft_found_add(struct updraft_found_list *list, const struct updraft_found *found);
/* By name, then address. */
void updraft_found_sort(struct updraft_found_list *list);
void updraft_found_free(struct updraft_found_list *list);

void updraft_found_to_json(const struct updraft_found *found, cJSON *object);

/* --name, --chip, --product, --older-than. */
struct updraft_found_filter {
    const char *name; /* a shell pattern; NULL: any, as with the others */
    const char *chip;
    const char *product;
    const char *older_than;
};

#define UPDRAFT_FOUND_FILTER_OPTIONS                                                               \
    {"name", 0, "PATTERN", "only devices of that name; * and ? stand for any letters"},            \
        {"chip", 0, "CHIP", "only devices with this chip"},                                        \
        {"product", 0, "NAME", "only devices of this product"},                                    \
    {                                                                                              \
        "older-than", 0, "VERSION", "only devices that run an earlier version"                     \
    }

UPDRAFT_MUST_CHECK enum updraft_exit updraft_found_read_filter(struct updraft_cli *cli,
                                                               struct updraft_found_filter *filter);
bool updraft_found_filter_is_empty(const struct updraft_found_filter *filter);
/* A device that does not say what is asked for does not match. */
bool updraft_found_matches(const struct updraft_found *found,
                           const struct updraft_found_filter *filter);

#endif
