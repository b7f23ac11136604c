/* GET /metrics: what a Prometheus server collects, in its text format.
 *
 * Devices say themselves what they run, so nobody knows how many products and versions there will be:
 * past a number of series the rest is counted together. */
#include "server/operator_api/operator_api.h"

#include "server/memory.h"
#include "updraft_version.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MOST 1000u

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

static void add_series(struct text *text, const struct updraft_group *group, int state,
                       uint64_t count)
{
    add(text, "updraft_devices{");
    add_label(text, "product", group->product);
    add(text, ",");
    add_label(text, "version", group->version);
    add(text, ",state=\"%s\"} %" PRIu64 "\n",
        updraft_standing_name((enum updraft_attempt_state)state), count);
}

/* The groups that are there for the longest time, and what is left of each state. */
static void add_devices(struct text *text, const struct updraft_tally *tally)
{
    struct updraft_group other = {.product = "(other)", .version = "(other)"};
    uint64_t shown[UPDRAFT_ATTEMPT_STATE_COUNT] = {0};
    size_t used = 0;

    begin(text, "updraft_devices", "gauge", "Devices known, by what they said they run.");
    for (const struct updraft_group *group = tally->first; group != NULL && used < SERIES_MOST;
         group = group->next) {
        for (int state = 0; state < UPDRAFT_ATTEMPT_STATE_COUNT && used < SERIES_MOST; state++) {
            if (group->standings[state] == 0)
                continue;
            add_series(text, group, state, group->standings[state]);
            shown[state] += group->standings[state];
            used++;
        }
    }
    for (int state = 0; state < UPDRAFT_ATTEMPT_STATE_COUNT; state++) {
        if (tally->standings[state] > shown[state])
            add_series(text, &other, state, tally->standings[state] - shown[state]);
    }
}

static void add_seen(struct text *text, const struct updraft_view *view)
{
    static const int64_t spans_s[] = {300, 3600, 86400, 604800};

    begin(text, "updraft_devices_seen", "gauge",
          "Devices heard of within so many seconds, to ten seconds.");
    for (size_t k = 0; k < sizeof spans_s / sizeof *spans_s; k++)
        add(text, "updraft_devices_seen{within_s=\"%" PRId64 "\"} %" PRIu64 "\n", spans_s[k],
            updraft_tally_seen(&view->fleet->tally, view->now_ms, spans_s[k] * 1000));
}

/* --- the rest --- */

static void add_attempts(struct text *text, const struct updraft_fleet *fleet)
{
    begin(text, "updraft_attempts", "gauge", "Devices by the state of their newest attempt.");
    for (int state = UPDRAFT_ATTEMPT_OFFERED; state < UPDRAFT_ATTEMPT_STATE_COUNT; state++)
        add(text, "updraft_attempts{state=\"%s\"} %" PRIu64 "\n",
            updraft_attempt_state_name((enum updraft_attempt_state)state),
            fleet->tally.newest[state]);
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
    add_devices(&text, &view->fleet->tally);
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
