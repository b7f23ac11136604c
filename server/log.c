#include "server/log.h"

#include "server/clock.h"
#include "server/decide/quota.h"
#include "server/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_CAP 512u
#define PATH_CAP    160u

/* Strangers cannot fill a disk with refusals. */
static const struct updraft_quota strangers = {.every_ms = 20, .burst = 200};

/* One write a line, so that those of two threads do not mix. Whether it could be written, there is
 * nobody to tell. */
static void put(const struct updraft_log *log, const char *text, size_t len)
{
    ssize_t ignored = write(log->fd, text, len);

    (void)ignored;
}

static void word_time(char out[32])
{
    int64_t now_ms = updraft_clock_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    char seconds[24];
    struct tm parts;

    gmtime_r(&now_s, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, 32, "%s.%03dZ", seconds, (int)(now_ms % 1000));
}

static void begin_json(struct updraft_json *json, const char *level, const char *event)
{
    char at[32];

    word_time(at);
    updraft_json_init(json);
    updraft_json_open(json, NULL, '{');
    updraft_json_text(json, "at", at);
    updraft_json_text(json, "level", level);
    updraft_json_text(json, "event", event);
}

static void end_json(const struct updraft_log *log, struct updraft_json *json)
{
    size_t len;

    updraft_json_close(json, '}');
    char *text = updraft_json_finish(json, &len);
    text[len] = '\n'; /* in the place of the NUL */
    put(log, text, len + 1);
    free(text);
}

void updraft_log_event(const struct updraft_log *log, enum updraft_log_level level,
                       const char *event, const char *message, ...)
{
    static const char *const levels[] = {"info", "warning", "error"};
    char text[MESSAGE_CAP], clean[MESSAGE_CAP];
    struct updraft_json json;
    va_list arguments;

    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    updraft_label_clean(text, clean, sizeof clean);
    if (log->form != UPDRAFT_LOG_JSON) {
        char line[MESSAGE_CAP + 16];
        int len = snprintf(line, sizeof line, "updraftd: %s\n", clean);
        put(log, line, (size_t)len);
        return;
    }
    begin_json(&json, levels[level], event);
    updraft_json_text(&json, "message", clean);
    end_json(log, &json);
}

static void put_request_json(struct updraft_log *log, const struct updraft_request *request,
                             unsigned status, int64_t took_ms)
{
    struct updraft_json json;
    char path[PATH_CAP];

    updraft_label_clean(request->path, path, sizeof path);
    begin_json(&json, status >= 500 ? "error" : status >= 400 ? "warning" : "info", "request");
    updraft_json_text(&json, "method", updraft_method_name(request->method));
    updraft_json_text(&json, "path", path);
    updraft_json_number(&json, "status", status);
    if (request->operator_name != NULL)
        updraft_json_text(&json, "operator", request->operator_name);
    updraft_json_text(&json, "address", request->address);
    updraft_json_number(&json, "took_ms", took_ms);
    if (log->skipped > 0)
        updraft_json_number(&json, "skipped", (int64_t)log->skipped);
    end_json(log, &json);
}

static void put_request_text(struct updraft_log *log, const struct updraft_request *request,
                             unsigned status, int64_t took_ms)
{
    const char *name = request->operator_name;
    char path[PATH_CAP], at[32], skipped[48] = "", line[512];

    word_time(at);
    updraft_label_clean(request->path, path, sizeof path);
    if (log->skipped > 0)
        snprintf(skipped, sizeof skipped, ", %" PRIu64 " skipped before", log->skipped);
    int len = snprintf(line, sizeof line, "%s %s %s: %u in %" PRId64 " ms, for %s from %s%s\n", at,
                       updraft_method_name(request->method), path, status, took_ms,
                       name == NULL ? "nobody known" : name, request->address, skipped);
    put(log, line, (size_t)len);
}

void updraft_log_request(struct updraft_log *log, const struct updraft_request *request,
                         unsigned status, int64_t took_ms)
{
    if (log->form == UPDRAFT_LOG_EVENTS || (request->operator_name == NULL && status < 400))
        return;
    if (request->operator_name == NULL &&
        updraft_quota_take(&strangers, &log->paid_ms, updraft_clock_steady_ms()) != 0) {
        log->skipped++;
        return;
    }
    if (log->form == UPDRAFT_LOG_JSON)
        put_request_json(log, request, status, took_ms);
    else
        put_request_text(log, request, status, took_ms);
    log->skipped = 0;
}
