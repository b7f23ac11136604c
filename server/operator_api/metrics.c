/* GET /metrics: what a Prometheus server collects, in its text format.
 *
 * Devices say themselves what they run, so nobody knows how many products and versions there will be:
 * past a number of series the rest is counted together. */
#include "server/operator_api/operator_api.h"

#include "server/memory.h"
#include "server/operator_api/objects.h"
#include "updraft_version.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MOST 1000u
#define SLOTS       2048u /* power of two */

struct text {
    char *out;
    size_t len;
    size_t cap;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list arguments;

    for (;;) {
        va_start(arguments, format);
        int len = vsnprintf(text->out + text->len, text->cap - text->len, format, arguments);
        va_end(arguments);
        if (len < 0)
            return;
        if ((size_t)len < text->cap - text->len) {
            text->len += (size_t)len;
            return;
        }
        text->cap = text->cap * 2 + (size_t)len;
        text->out = updraft_memory_grow(text->out, text->cap, 1);
    }
}

static void add_label(struct text *text, const char *name, const char *value)
{
    add(text, "%s=\"", name);
    for (; *value != '\0'; value++)
        add(text, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    add(text, "\"");
}

static void begin(struct text *text, const char *name, const char *type, const char *help)
{
    add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* --- devices --- */

struct series {
    const char *state; /* NULL: free */
    const char *product;
    const char *version;
    uint64_t count;
};

static uint32_t mix(uint32_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u; /* FNV-1a */
    return hash * 16777619u;
}

static struct series *find(struct series *table, const struct series *wanted)
{
    uint32_t at = mix(mix(mix(2166136261u, wanted->state), wanted->product), wanted->version);

    for (;; at++) {
        struct series *series = &table[at & (SLOTS - 1)];
        if (series->state == NULL || (strcmp(series->state, wanted->state) == 0 &&
                                      strcmp(series->product, wanted->product) == 0 &&
                                      strcmp(series->version, wanted->version) == 0))
            return series;
    }
}

static void count_device(struct series *table, size_t *used, const struct updraft_device *device)
{
    struct series wanted = {updraft_object_device_state(device), device->row.product,
                            device->row.version, 0};
    struct series *series = find(table, &wanted);

    if (series->state == NULL && *used >= SERIES_MOST) {
        wanted.product = wanted.version = "(other)";
        series = find(table, &wanted); /* one for each state more, at most */
    }
    if (series->state == NULL) {
        *series = wanted;
        ++*used;
    }
    series->count++;
}

static void add_devices(struct text *text, const struct updraft_fleet *fleet)
{
    struct series *table = updraft_memory_new(SLOTS * sizeof *table);
    size_t used = 0;

    for (size_t i = 0; i < fleet->device_count; i++)
        count_device(table, &used, fleet->devices[i]);
    begin(text, "updraft_devices", "gauge", "Devices known, by what they said they run.");
    for (size_t i = 0; i < SLOTS; i++) {
        if (table[i].state == NULL)
            continue;
        add(text, "updraft_devices{");
        add_label(text, "product", table[i].product);
        add(text, ",");
        add_label(text, "version", table[i].version);
        add(text, ",state=\"%s\"} %" PRIu64 "\n", table[i].state, table[i].count);
    }
    free(table);
}

static void add_seen(struct text *text, const struct updraft_view *view)
{
    static const int64_t spans_s[] = {300, 3600, 86400, 604800};
    uint64_t seen[sizeof spans_s / sizeof *spans_s] = {0};

    for (size_t i = 0; i < view->fleet->device_count; i++) {
        int64_t ago_ms = view->now_ms - view->fleet->devices[i]->row.last_seen_ms;
        for (size_t k = 0; k < sizeof spans_s / sizeof *spans_s; k++)
            seen[k] += ago_ms <= spans_s[k] * 1000;
    }
    begin(text, "updraft_devices_seen", "gauge", "Devices heard of within so many seconds.");
    for (size_t k = 0; k < sizeof spans_s / sizeof *spans_s; k++)
        add(text, "updraft_devices_seen{within_s=\"%" PRId64 "\"} %" PRIu64 "\n", spans_s[k],
            seen[k]);
}

/* --- the rest --- */

static void add_attempts(struct text *text, const struct updraft_fleet *fleet)
{
    uint64_t counts[UPDRAFT_ATTEMPT_STATE_COUNT] = {0};

    for (size_t i = 0; i < fleet->device_count; i++) {
        if (fleet->devices[i]->newest != NULL)
            counts[fleet->devices[i]->newest->row.state]++;
    }
    begin(text, "updraft_attempts", "gauge", "Devices by the state of their newest attempt.");
    for (int state = UPDRAFT_ATTEMPT_OFFERED; state < UPDRAFT_ATTEMPT_STATE_COUNT; state++)
        add(text, "updraft_attempts{state=\"%s\"} %" PRIu64 "\n",
            updraft_attempt_state_name((enum updraft_attempt_state)state), counts[state]);
    begin(text, "updraft_attempts_ended_total", "counter",
          "Attempts that ended since the start, by result.");
    for (int state = UPDRAFT_ATTEMPT_CONFIRMED; state <= UPDRAFT_ATTEMPT_FAILED; state++)
        add(text, "updraft_attempts_ended_total{result=\"%s\"} %" PRIu64 "\n",
            updraft_attempt_state_name((enum updraft_attempt_state)state), fleet->ended[state]);
}

static void add_requests(struct text *text, const struct updraft_traffic *traffic)
{
    begin(text, "updraft_requests_total", "counter",
          "Requests answered since the start; an empty route is no address of ours.");
    for (size_t i = 0; i < UPDRAFT_TRAFFIC_CAP; i++) {
        const struct updraft_traffic_entry *entry = &traffic->entries[i];
        if (entry->method != NULL)
            add(text,
                "updraft_requests_total{method=\"%s\",route=\"%s%s\",status=\"%u\"} %" PRIu64 "\n",
                entry->method, entry->method[0] == '\0' ? "" : "/", entry->route, entry->status,
                entry->count);
    }
}

void updraft_metrics_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response)
{
    struct text text = {.cap = 16384};

    (void)request;
    (void)plan;
    text.out = updraft_memory_new(text.cap);
    begin(&text, "updraft_build_info", "gauge", "Which updraftd this is.");
    add(&text, "updraft_build_info{version=\"%s\"} 1\n", UPDRAFT_VERSION);
    begin(&text, "process_start_time_seconds", "gauge",
          "Start of this run, in seconds since 1970.");
    add(&text, "process_start_time_seconds %" PRId64 ".%03d\n", view->fleet->started_ms / 1000,
        (int)(view->fleet->started_ms % 1000));
    add_devices(&text, view->fleet);
    add_seen(&text, view);
    add_attempts(&text, view->fleet);
    add_requests(&text, &view->fleet->traffic);
    response->status = 200;
    response->body = text.out;
    response->body_len = text.len;
    updraft_response_header_constant(response, "Content-Type",
                                     "text/plain; version=0.0.4; charset=utf-8");
    updraft_response_header_constant(response, "Cache-Control", "no-store");
}
