/* What the adapter itself refuses, before or after a handler has spoken. */
#ifndef UPDRAFT_SERVER_HTTP_REFUSALS_H
#define UPDRAFT_SERVER_HTTP_REFUSALS_H

#include "server/log.h"

/* The code follows from the status. */
void updraft_http_refuse(struct updraft_response *response, unsigned status, const char *message,
                         const char *remedy);
/* The file of the response is not what it was: an alarm, too. */
void updraft_http_refuse_damaged(struct updraft_response *response, const struct updraft_log *log);
/* Nothing is known against the file: no alarm, and the device may ask again. */
void updraft_http_refuse_unreadable(struct updraft_response *response);
/* Its certificate was made for another device than the one it speaks of. */
void updraft_http_refuse_impostor(struct updraft_response *response,
                                  const struct updraft_request *request);

#endif
