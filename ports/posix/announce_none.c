/* Built without Avahi's client library. */
#include "ports/posix/announce.h"

struct updraft_announcer *updraft_announcer_start(const struct updraft_announcer_config *config,
                                                  bool *told)
{
    if (!*told)
        updraft_log_event(config->log, "announce off reason=\"built without Avahi\"");
    *told = true;
    return NULL;
}

void updraft_announcer_stop(struct updraft_announcer *announcer)
{
    (void)announcer;
}
