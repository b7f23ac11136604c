/* What the server says to whoever looks after it, a line each on stderr: as text, or as JSON for a
 * collector. Devices' ordinary requests are not in it: they are many, and /metrics counts them.
 *
 * Any thread may log events; requests are logged by the one that answers them. */
#ifndef UPDRAFT_SERVER_LOG_H
#define UPDRAFT_SERVER_LOG_H

#include "server/exchange.h"

enum updraft_log_form {
    UPDRAFT_LOG_EVENTS, /* text, and no requests */
    UPDRAFT_LOG_TEXT,
    UPDRAFT_LOG_JSON,
};

struct updraft_log {
    enum updraft_log_form form;
    int fd;
    int64_t paid_ms;  /* of the quota of lines that a stranger can cause */
    uint64_t skipped; /* of them, since the last one that was written */
};

enum updraft_log_level {
    UPDRAFT_LOG_INFO,
    UPDRAFT_LOG_WARNING,
    UPDRAFT_LOG_ERROR,
};

/* All zero but form and fd. event: a word that does not change; the message is for a person. */
__attribute__((format(printf, 4, 5))) void updraft_log_event(const struct updraft_log *log,
                                                             enum updraft_log_level level,
                                                             const char *event, const char *message,
                                                             ...);

/* A request and its answer, if it is an operator's or was refused, and the form has requests. */
void updraft_log_request(struct updraft_log *log, const struct updraft_request *request,
                         unsigned status, int64_t took_ms);

#endif
