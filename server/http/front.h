/* The proxy in front: what is believed of it, and of nobody else.
 *
 *   X-Real-IP                   who asks, instead of the proxy's own address
 *   X-Updraft-Device-Certified  the device that the asker's client certificate was made for
 *
 * and the other way X-Accel-Redirect: which file the proxy is to send itself. From any other address
 * these headers are as good as absent. */
#ifndef UPDRAFT_SERVER_HTTP_FRONT_H
#define UPDRAFT_SERVER_HTTP_FRONT_H

#include "server/http/fields.h"

/* Prefix, slash and path fit into the value of a header. */
#define UPDRAFT_ACCEL_PREFIX_CAP 37u

struct updraft_front {
    char address[INET6_ADDRSTRLEN]; /* "": there is none */
    const char *accel;              /* "/updraft-images"; "": we send the files ourselves */
};

/* address "" or that of one host, as text; accel "" or a path of at most 36 characters without a slash at its end.
 * False when they
 * are something else. */
bool updraft_front_init(struct updraft_front *front, const char *address, const char *accel);

/* Corrects who asks. False when the proxy says what cannot be: the request is not to be answered. */
bool updraft_front_hear(const struct updraft_front *front, struct updraft_http_fields *fields,
                        struct updraft_request *request);

/* Whether this device may be spoken of: any, where no certificate was shown. */
bool updraft_front_admits(const struct updraft_request *request, const char *device);

/* The response is a file that the proxy is to send: makes it an empty one that says which. False when
 * we have to send it ourselves. */
bool updraft_front_send(const struct updraft_front *front, const struct updraft_request *request,
                        struct updraft_response *response);

#endif
