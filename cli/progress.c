#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_LEN   30u
#define REDRAW_MS 100u
#define QUARTER   25u

uint64_t updraft_progress_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void updraft_progress_init(struct updraft_progress *progress, bool quiet)
{
    memset(progress, 0, sizeof *progress);
    progress->quiet = quiet;
    progress->on_tty = isatty(STDERR_FILENO) != 0;
}

void updraft_progress_report_to(struct updraft_progress *progress, int fd)
{
    progress->quiet = false;
    progress->on_tty = false;
    progress->reports = true;
    progress->report_fd = fd;
}

__attribute__((format(printf, 2, 3))) static void report(const struct updraft_progress *progress,
                                                         const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vdprintf(progress->report_fd, format, args);
    va_end(args);
}

void updraft_progress_step(struct updraft_progress *progress, const char *format, ...)
{
    char text[256];
    va_list args;

    if (progress->quiet)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    if (progress->reports)
        report(progress, "s %s\n", text);
    else
        fprintf(stderr, "%s\n", text);
}

static unsigned percent(uint64_t done, uint64_t total)
{
    if (total == 0 || done >= total)
        return 100;
    return (unsigned)(done * 100 / total);
}

void updraft_progress_bar(uint64_t done, uint64_t total, uint64_t elapsed_ms, char *out,
                          size_t out_cap)
{
    unsigned pct = percent(done, total);
    char bar[BAR_LEN + 1];

    memset(bar, '.', BAR_LEN);
    memset(bar, '#', pct * BAR_LEN / 100);
    bar[BAR_LEN] = '\0';
    snprintf(out, out_cap, "[%s] %3u %%  %llu of %llu KB  %llu KB/s", bar, pct,
             (unsigned long long)done / 1024, (unsigned long long)total / 1024,
             (unsigned long long)(elapsed_ms ? done * 1000 / 1024 / elapsed_ms : 0));
}

static void draw(const struct updraft_progress *progress, uint64_t done, uint64_t now_ms)
{
    char bar[BAR_LEN + 80];

    updraft_progress_bar(done, progress->total, now_ms - progress->start_ms, bar, sizeof bar);
    fprintf(stderr, "\r%s %s \033[K", progress->label, bar);
}

void updraft_progress_begin(struct updraft_progress *progress, const char *label, uint64_t total)
{
    snprintf(progress->label, sizeof progress->label, "%s", label);
    progress->total = total;
    progress->start_ms = updraft_progress_now_ms();
    progress->drawn_ms = 0;
    progress->said_pct = 0;
    progress->running = !progress->quiet;
    if (progress->reports)
        report(progress, "b %llu %s\n", (unsigned long long)total, progress->label);
    updraft_progress_update(progress, 0);
}

void updraft_progress_update(struct updraft_progress *progress, uint64_t done)
{
    uint64_t now_ms = updraft_progress_now_ms();
    unsigned pct = percent(done, progress->total);

    if (!progress->running)
        return;
    if (progress->on_tty || progress->reports) {
        bool is_last = pct == 100 && progress->said_pct < 100;

        if (now_ms < progress->drawn_ms + REDRAW_MS && !is_last)
            return;
        progress->said_pct = pct;
        progress->drawn_ms = now_ms;
        if (progress->reports)
            report(progress, "a %llu\n", (unsigned long long)done);
        else
            draw(progress, done, now_ms);
    } else if (pct >= progress->said_pct + QUARTER) {
        progress->said_pct = pct - pct % QUARTER;
        fprintf(stderr, "%s: %u %%, %llu bytes\n", progress->label, progress->said_pct,
                (unsigned long long)done);
    }
}

void updraft_progress_end(struct updraft_progress *progress)
{
    if (progress->running && progress->reports)
        report(progress, "e\n");
    else if (progress->running && progress->on_tty)
        fputc('\n', stderr);
    progress->running = false;
}
