#include "server/http/front.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char certified_header[] = "X-Updraft-Device-Certified";

/* Written as the library's addresses are, so that texts can be compared. */
static bool normalise(const char *text, char out[INET6_ADDRSTRLEN])
{
    struct in6_addr address6;
    struct in_addr address4;

    if (strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') != NULL)
        text += 7;
    if (inet_pton(AF_INET, text, &address4) == 1)
        return inet_ntop(AF_INET, &address4, out, INET6_ADDRSTRLEN) != NULL;
    return inet_pton(AF_INET6, text, &address6) == 1 &&
           inet_ntop(AF_INET6, &address6, out, INET6_ADDRSTRLEN) != NULL;
}

static bool is_path(const char *text)
{
    size_t len = strlen(text);

    return text[0] == '/' && len > 1 && len < UPDRAFT_ACCEL_PREFIX_CAP && text[len - 1] != '/' &&
           strspn(text, "/-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
               len;
}

bool updraft_front_init(struct updraft_front *front, const char *address, const char *accel)
{
    memset(front, 0, sizeof *front);
    front->accel = accel;
    if (address[0] == '\0')
        return accel[0] == '\0';
    return normalise(address, front->address) && (accel[0] == '\0' || is_path(accel));
}

static bool is_front(const struct updraft_front *front, const struct updraft_request *request)
{
    return front->address[0] != '\0' && strcmp(front->address, request->address) == 0;
}

bool updraft_front_hear(const struct updraft_front *front, struct updraft_http_fields *fields,
                        struct updraft_request *request)
{
    if (!is_front(front, request))
        return true;
    const char *real = updraft_request_header(request, "X-Real-IP");
    const char *certified = updraft_request_header(request, certified_header);

    request->by_front = true;
    if (real != NULL && !normalise(real, fields->real))
        return false;
    if (real != NULL)
        request->address = fields->real;
    if (certified == NULL || certified[0] == '\0')
        return true;
    if (!updraft_device_id_take(certified, fields->certified))
        return false;
    request->certified = fields->certified;
    return true;
}

bool updraft_front_admits(const struct updraft_request *request, const char *device)
{
    return request->certified == NULL || strcmp(request->certified, device) == 0;
}

bool updraft_front_send(const struct updraft_front *front, const struct updraft_request *request,
                        struct updraft_response *response)
{
    char path[UPDRAFT_ARTIFACT_PATH_CAP],
        target[UPDRAFT_ACCEL_PREFIX_CAP + UPDRAFT_ARTIFACT_PATH_CAP];

    _Static_assert(sizeof target <= sizeof response->headers[0].value, "it fits");

    if (front->accel[0] == '\0' || !request->by_front)
        return false;
    updraft_artifacts_path(response->file_sha256, path);
    snprintf(target, sizeof target, "%s/%s", front->accel, path);
    /* The proxy cuts the range out itself: it has the headers of the request. */
    response->status = 200;
    response->has_file = false;
    updraft_response_header(response, "X-Accel-Redirect", target);
    return true;
}
