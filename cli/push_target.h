/* The devices that one command pushes to: from the command line, from a list, from discovery.
 *
 * Owns: the list and where its entries come from. Memory: from the heap, released by
 * updraft_push_targets_free(). */
#ifndef UPDRAFT_CLI_PUSH_TARGET_H
#define UPDRAFT_CLI_PUSH_TARGET_H

#include "cli/address.h"
#include "cli/push.h"

struct updraft_push_target {
    char label[64]; /* what it is called on the screen */
    char host[UPDRAFT_ADDRESS_CAP];
    char password[64];   /* "": that of the command line */
    uint16_t given_port; /* HTTP or espota; 0: none */
    uint16_t http_port;  /* known from its announcement, as ota_port; 0: not known */
    uint16_t ota_port;
};

struct updraft_push_targets {
    struct updraft_push_target *items;
    size_t count;
    size_t cap;
};

/* All that the command line and --list name; each device once. With --discover there may be none. */
UPDRAFT_MUST_CHECK enum updraft_exit
updraft_push_targets_read(struct updraft_cli *cli, struct updraft_push_targets *targets);
/* With --discover: adds what announces itself and is meant; something must be. */
UPDRAFT_MUST_CHECK enum updraft_exit
updraft_push_targets_discover(struct updraft_cli *cli, const struct updraft_image_info *image,
                              struct updraft_push_targets *targets);
void updraft_push_targets_free(struct updraft_push_targets *targets);

#endif
