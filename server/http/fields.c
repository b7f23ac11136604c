#include "server/http/fields.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>

static enum MHD_Result take(void *ctx, enum MHD_ValueKind kind, const char *key, size_t key_len,
                            const char *value, size_t value_len)
{
    struct updraft_http_fields *fields = ctx;
    bool is_header = kind == MHD_HEADER_KIND;
    struct updraft_field *list = is_header ? fields->headers : fields->query;
    size_t *count = is_header ? &fields->header_count : &fields->query_count;
    size_t cap = is_header ? UPDRAFT_HTTP_HEADER_CAP : UPDRAFT_HTTP_QUERY_CAP;

    value = value == NULL ? "" : value;
    fields->nul_inside |= strlen(key) != key_len || strlen(value) != value_len;
    fields->too_many |= *count == cap;
    if (*count < cap)
        list[(*count)++] = (struct updraft_field){key, value};
    return MHD_YES;
}

static enum updraft_method parse_method(const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
        return UPDRAFT_METHOD_GET;
    if (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        return UPDRAFT_METHOD_HEAD;
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return UPDRAFT_METHOD_POST;
    if (strcmp(method, MHD_HTTP_METHOD_PUT) == 0)
        return UPDRAFT_METHOD_PUT;
    if (strcmp(method, MHD_HTTP_METHOD_DELETE) == 0)
        return UPDRAFT_METHOD_DELETE;
    if (strcmp(method, MHD_HTTP_METHOD_PATCH) == 0)
        return UPDRAFT_METHOD_PATCH;
    return UPDRAFT_METHOD_OTHER;
}

void updraft_http_describe_peer(struct MHD_Connection *connection, char *out, size_t cap)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
    const char *shown = NULL;

    if (address != NULL && address->sa_family == AF_INET)
        shown = inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                          out, (socklen_t)cap);
    else if (address != NULL && address->sa_family == AF_INET6)
        shown =
            inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                      out, (socklen_t)cap);
    if (shown == NULL)
        out[0] = '\0';
    else if (strncmp(out, "::ffff:", 7) == 0 && strchr(out, '.') != NULL)
        memmove(out, out + 7, strlen(out + 7) + 1);
}

void updraft_http_gather(struct MHD_Connection *connection, const char *method, const char *url,
                         struct updraft_http_fields *fields, struct updraft_request *request)
{
    fields->header_count = fields->query_count = 0;
    fields->too_many = fields->nul_inside = false;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take, fields);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take, fields);
    *request = (struct updraft_request){.method = parse_method(method),
                                        .path = url,
                                        .headers = fields->headers,
                                        .header_count = fields->header_count,
                                        .query = fields->query,
                                        .query_count = fields->query_count,
                                        .body = ""};
}
