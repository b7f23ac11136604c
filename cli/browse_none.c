/* Built without Avahi's client library. */
#include "cli/browse.h"

bool updraft_browse(struct updraft_found_list *list, uint32_t timeout_ms, const char **reason)
{
    (void)list;
    (void)timeout_ms;
    *reason = "this program was built without Avahi's client library";
    return false;
}
