/* What the server is still to be told: the newest state of the device and, before it, a roll back.
 * A state that was overtaken is not sent any more; a roll back is never overtaken.
 *
 * Owns: which report is next and when; the texts. No sockets. */
#ifndef UPDRAFT_PORTS_POSIX_REPORTS_H
#define UPDRAFT_PORTS_POSIX_REPORTS_H

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_REPORT_CAP 3072u /* the last lines, each quote doubled, and the rest */

enum updraft_report_lane {
    UPDRAFT_REPORT_ROLLED_BACK,
    UPDRAFT_REPORT_STATE,
    UPDRAFT_REPORT_LANE_COUNT,
};

struct updraft_report {
    bool is_pending;
    bool is_overtaken; /* replaced while the old text was under way */
    char json[UPDRAFT_REPORT_CAP];
};

struct updraft_reports {
    struct updraft_report lanes[UPDRAFT_REPORT_LANE_COUNT];
    int under_way; /* lane, or -1 */
    uint8_t failures;
    uint64_t next_ms;
};

void updraft_reports_init(struct updraft_reports *reports);
void updraft_reports_put(struct updraft_reports *reports, enum updraft_report_lane lane,
                         const char *json);

/* The text to send now, or NULL. Every text must be answered with updraft_reports_ended(). */
const char *updraft_reports_take(struct updraft_reports *reports, uint64_t now_ms);
/* Returns the lane that was under way. */
enum updraft_report_lane updraft_reports_ended(struct updraft_reports *reports, bool is_delivered,
                                               uint64_t now_ms);
/* UINT64_MAX when nothing is to be sent. */
uint64_t updraft_reports_due_ms(const struct updraft_reports *reports);

#endif
