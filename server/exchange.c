#include "server/exchange.h"

#include "format/assert.h"
#include "server/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *updraft_method_name(enum updraft_method method)
{
    switch (method) {
    case UPDRAFT_METHOD_GET:
        return "GET";
    case UPDRAFT_METHOD_HEAD:
        return "HEAD";
    case UPDRAFT_METHOD_POST:
        return "POST";
    case UPDRAFT_METHOD_PUT:
        return "PUT";
    case UPDRAFT_METHOD_DELETE:
        return "DELETE";
    case UPDRAFT_METHOD_PATCH:
        return "PATCH";
    case UPDRAFT_METHOD_OTHER:
        break;
    }
    return "";
}

const char *updraft_request_header(const struct updraft_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        /* Upper and lower case of a letter are a bit apart: most names differ already there. */
        if (((request->headers[i].name[0] ^ name[0]) & ~0x20) == 0 &&
            strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

const char *updraft_request_query(const struct updraft_request *request, const char *name)
{
    for (size_t i = 0; i < request->query_count; i++) {
        if (strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    }
    return NULL;
}

void updraft_plan_init(struct updraft_plan *plan, int64_t next_attempt_id)
{
    memset(plan, 0, sizeof *plan);
    plan->next_attempt_id = next_attempt_id;
}

void updraft_plan_deinit(struct updraft_plan *plan)
{
    free(plan->changes);
    plan->changes = NULL;
    plan->count = plan->cap = 0;
}

struct updraft_change *updraft_plan_add(struct updraft_plan *plan, enum updraft_change_kind kind)
{
    if (plan->count == plan->cap) {
        plan->cap = plan->cap == 0 ? 4 : plan->cap * 2;
        plan->changes = updraft_memory_grow(plan->changes, plan->cap, sizeof *plan->changes);
    }
    struct updraft_change *change = &plan->changes[plan->count++];
    memset(change, 0, sizeof *change);
    change->kind = kind;
    return change;
}

void updraft_plan_about(struct updraft_plan *plan, const char *format, ...)
{
    char text[UPDRAFT_OBJECT_CAP];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    updraft_label_clean(text, plan->object, sizeof plan->object);
}

void updraft_plan_audit(struct updraft_plan *plan, const struct updraft_view *view,
                        const struct updraft_request *request, unsigned status)
{
    struct updraft_audit_row *row = &updraft_plan_add(plan, UPDRAFT_CHANGE_AUDIT)->row.audit;
    char endpoint[UPDRAFT_ENDPOINT_CAP];

    snprintf(endpoint, sizeof endpoint, "%s %s", updraft_method_name(request->method),
             request->path);
    row->id = view->fleet->audit_newest_id + 1;
    row->at_ms = view->now_ms;
    updraft_label_clean(request->operator_name, row->operator_name, sizeof row->operator_name);
    updraft_label_clean(endpoint, row->endpoint, sizeof row->endpoint);
    updraft_label_clean(request->address, row->address, sizeof row->address);
    updraft_name_set(row->object, sizeof row->object, plan->object);
    row->status = (uint16_t)status;
    /* Rows are numbered one by one: no two in a batch. */
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
}

uint64_t updraft_plan_device_key(const char *device)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *device != '\0'; device++)
        hash = (hash ^ (unsigned char)*device) * 1099511628211u;
    /* Never 0 (no key) nor the catalogue's; two devices that meet only wait for each other. */
    return hash | 2u;
}

void updraft_response_init(struct updraft_response *response)
{
    memset(response, 0, offsetof(struct updraft_response, headers));
    response->status = 500;
}

void updraft_response_deinit(struct updraft_response *response)
{
    free(response->body);
    response->body = NULL;
}

static struct updraft_response_header *add_header(struct updraft_response *response,
                                                  const char *name)
{
    UPDRAFT_ASSERT(response->header_count < UPDRAFT_RESPONSE_HEADER_CAP);
    struct updraft_response_header *header = &response->headers[response->header_count++];

    header->name = name;
    return header;
}

void updraft_response_header(struct updraft_response *response, const char *name, const char *value)
{
    struct updraft_response_header *header = add_header(response, name);

    header->constant = NULL;
    updraft_name_set(header->value, sizeof header->value, value);
}

void updraft_response_header_constant(struct updraft_response *response, const char *name,
                                      const char *value)
{
    add_header(response, name)->constant = value;
}

void updraft_response_json(struct updraft_response *response, unsigned status,
                           struct updraft_json *json)
{
    free(response->body);
    response->status = status;
    response->body = updraft_json_finish(json, &response->body_len);
    updraft_response_header(response, "Content-Type", "application/json");
}

void updraft_response_text(struct updraft_response *response, unsigned status, const char *type,
                           const char *text)
{
    free(response->body);
    response->status = status;
    response->body_len = strlen(text);
    response->body = updraft_memory_copy(text, response->body_len);
    updraft_response_header(response, "Content-Type", type);
}

void updraft_response_line(struct updraft_response *response, unsigned status, const char *line)
{
    char text[160];

    snprintf(text, sizeof text, "%s\n", line);
    updraft_response_text(response, status, "text/plain; charset=utf-8", text);
}

void updraft_response_refuse(struct updraft_response *response,
                             const struct updraft_refusal *refusal, const char *message, ...)
{
    struct updraft_json json;
    char text[512];
    va_list arguments;

    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    updraft_response_deinit(response);
    updraft_response_init(response);
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "error", '{');
    updraft_json_text(&json, "code", refusal->code);
    updraft_json_text(&json, "message", text);
    updraft_json_text(&json, "remedy", refusal->remedy);
    updraft_json_close(&json, '}');
    updraft_json_close(&json, '}');
    updraft_response_json(response, refusal->status, &json);
}
