#include "format/package.h"

#include <string.h>

static const struct updraft_package packages[] = {
    {UPDRAFT_PACKAGE_SWU, "swu", "SWUpdate package"},
    {UPDRAFT_PACKAGE_RAUCB, "raucb", "RAUC bundle"},
};

const struct updraft_package *updraft_package_by_magic(const uint8_t *head, size_t len)
{
    if (len >= 6 && (memcmp(head, "070701", 6) == 0 || memcmp(head, "070702", 6) == 0))
        return &packages[0];
    if (len >= 4 && memcmp(head, "hsqs", 4) == 0)
        return &packages[1];
    return NULL;
}

const struct updraft_package *updraft_package_by_id(uint16_t id)
{
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++) {
        if (packages[i].id == id)
            return &packages[i];
    }
    return NULL;
}
