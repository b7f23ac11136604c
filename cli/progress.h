/* What happens meanwhile, on stderr: steps as lines, long work as a bar on a terminal and as a line
 * per quarter elsewhere. --quiet silences both. A process that works for another one reports to it
 * instead, a line each: "s TEXT" a step, "b TOTAL LABEL" long work begins, "a DONE", "e" it ends. */
#ifndef UPDRAFT_CLI_PROGRESS_H
#define UPDRAFT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_progress {
    bool quiet;
    bool on_tty;
    bool running;
    bool reports; /* to report_fd */
    int report_fd;
    char label[64];
    uint64_t total;
    uint64_t start_ms;
    uint64_t drawn_ms;
    unsigned said_pct;
};

void updraft_progress_init(struct updraft_progress *progress, bool quiet);
__attribute__((format(printf, 2, 3))) void updraft_progress_step(struct updraft_progress *progress,
                                                                 const char *format, ...);
/* begin, any number of updates with bytes done so far, end. */
void updraft_progress_begin(struct updraft_progress *progress, const char *label, uint64_t total);
void updraft_progress_update(struct updraft_progress *progress, uint64_t done);
void updraft_progress_end(struct updraft_progress *progress);

/* From now on to another process, quiet or not. */
void updraft_progress_report_to(struct updraft_progress *progress, int fd);
/* "[####....]  43 %  120 of 280 KB  35 KB/s" */
void updraft_progress_bar(uint64_t done, uint64_t total, uint64_t elapsed_ms, char *out,
                          size_t out_cap);

/* Milliseconds of a clock that never jumps. */
uint64_t updraft_progress_now_ms(void);

#endif
