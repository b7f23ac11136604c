#include "server/fleet/model.h"

#include <stddef.h>
#include <string.h>

static const char *const via_names[] = {"",     "channel", "headers", "plain",  "espota",
                                        "form", "raw",     "esphome", "direct", "console"};
#define VIA_COUNT (sizeof via_names / sizeof *via_names)

_Static_assert(VIA_COUNT == UPDRAFT_VIA_CONSOLE + 1, "one name a way");

const char *updraft_via_name(enum updraft_via via)
{
    return (size_t)via < VIA_COUNT ? via_names[via] : via_names[UPDRAFT_VIA_UNKNOWN];
}

enum updraft_via updraft_via_parse(const char *name)
{
    for (size_t i = 1; i < VIA_COUNT; i++) {
        if (strcmp(name, via_names[i]) == 0)
            return (enum updraft_via)i;
    }
    return UPDRAFT_VIA_UNKNOWN;
}
