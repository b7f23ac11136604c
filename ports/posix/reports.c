#include "ports/posix/reports.h"

#include <stdio.h>

#define BACKOFF_FIRST_MS 500u
#define BACKOFF_CAP_MS   60000u

void updraft_reports_init(struct updraft_reports *reports)
{
    *reports = (struct updraft_reports){.under_way = -1};
}

void updraft_reports_put(struct updraft_reports *reports, enum updraft_report_lane lane,
                         const char *json)
{
    struct updraft_report *report = &reports->lanes[lane];
    snprintf(report->json, sizeof report->json, "%s", json);
    report->is_pending = true;
    report->is_overtaken = reports->under_way == (int)lane;
}

static int next_lane(const struct updraft_reports *reports)
{
    for (int lane = 0; lane < UPDRAFT_REPORT_LANE_COUNT; lane++) {
        if (reports->lanes[lane].is_pending)
            return lane;
    }
    return -1;
}

uint64_t updraft_reports_due_ms(const struct updraft_reports *reports)
{
    bool has_work = reports->under_way < 0 && next_lane(reports) >= 0;
    return has_work ? reports->next_ms : UINT64_MAX;
}

const char *updraft_reports_take(struct updraft_reports *reports, uint64_t now_ms)
{
    if (updraft_reports_due_ms(reports) > now_ms)
        return NULL;
    reports->under_way = next_lane(reports);
    return reports->lanes[reports->under_way].json;
}

static uint64_t backoff_ms(uint8_t failures)
{
    uint64_t wait_ms = BACKOFF_FIRST_MS;
    for (uint8_t i = 1; i < failures && wait_ms < BACKOFF_CAP_MS; i++)
        wait_ms *= 2;
    return wait_ms < BACKOFF_CAP_MS ? wait_ms : BACKOFF_CAP_MS;
}

enum updraft_report_lane updraft_reports_ended(struct updraft_reports *reports, bool is_delivered,
                                               uint64_t now_ms)
{
    enum updraft_report_lane lane = (enum updraft_report_lane)reports->under_way;
    struct updraft_report *report = &reports->lanes[lane];
    reports->under_way = -1;
    if (is_delivered) {
        report->is_pending = report->is_overtaken;
        reports->failures = 0;
        reports->next_ms = now_ms;
    } else {
        if (reports->failures < UINT8_MAX)
            reports->failures++;
        reports->next_ms = now_ms + backoff_ms(reports->failures);
    }
    report->is_overtaken = false;
    return lane;
}
