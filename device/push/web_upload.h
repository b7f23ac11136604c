/* One upload over HTTP, from its headers to its answer: a form or a raw body into the transaction.
 * The public half of it (body, finish, timed_out, dropped) is declared in device/push/web.h.
 *
 * Owns: upload, multipart, begun, failure of struct updraft_web while one runs. No memory of its own,
 * nothing in flash but the transaction's. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_UPLOAD_H
#define UPDRAFT_DEVICE_PUSH_WEB_UPLOAD_H

#include "device/push/web.h"

/* True when a Content-Type begins with this, which is in lower case. NULL: absent. */
bool updraft_web_is_type(const char *content_type, const char *lower_case);

/* Whoever sends it may, and no other upload runs. */
enum updraft_web_next updraft_web_upload_begin(struct updraft_web *web,
                                               const struct updraft_web_request *request,
                                               const struct updraft_web_upload *upload);
bool updraft_web_upload_runs(const struct updraft_web *web);

#endif
