#include "server/fleet/model.h"

#include <stddef.h>
#include <string.h>

static const char *const via_names[] = {"",    "channel", "headers", "plain",   "espota", "form",
                                        "raw", "esphome", "direct",  "console", "ddi",    "check"};
#define VIA_COUNT (sizeof via_names / sizeof *via_names)

_Static_assert(VIA_COUNT == UPDRAFT_VIA_LAST + 1, "one name a way");

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

static const char *const role_names[] = {"", "view", "publish", "operate", "admin"};
#define ROLE_COUNT (sizeof role_names / sizeof *role_names)

_Static_assert(ROLE_COUNT == UPDRAFT_ROLE_ADMIN + 1, "one name a role");

const char *updraft_role_name(enum updraft_role role)
{
    return (size_t)role < ROLE_COUNT ? role_names[role] : role_names[UPDRAFT_ROLE_NONE];
}

enum updraft_role updraft_role_parse(const char *name)
{
    for (size_t i = 1; i < ROLE_COUNT; i++) {
        if (strcmp(name, role_names[i]) == 0)
            return (enum updraft_role)i;
    }
    return UPDRAFT_ROLE_NONE;
}
