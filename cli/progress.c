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
    fprintf(stderr, "%s\n", text);
}

static unsigned percent(const struct updraft_progress *progress, uint64_t done)
{
    if (progress->total == 0 || done >= progress->total)
        return 100;
    return (unsigned)(done * 100 / progress->total);
}

static void draw(const struct updraft_progress *progress, uint64_t done, uint64_t now_ms)
{
    uint64_t elapsed_ms = now_ms - progress->start_ms;
    unsigned pct = percent(progress, done);
    unsigned cells = pct * BAR_LEN / 100;
    char bar[BAR_LEN + 1];

    memset(bar, '.', BAR_LEN);
    memset(bar, '#', cells);
    bar[BAR_LEN] = '\0';
    fprintf(stderr, "\r%s [%s] %3u %%  %llu of %llu KB  %llu KB/s \033[K", progress->label, bar,
            pct, (unsigned long long)done / 1024, (unsigned long long)progress->total / 1024,
            (unsigned long long)(elapsed_ms ? done * 1000 / 1024 / elapsed_ms : 0));
}

void updraft_progress_begin(struct updraft_progress *progress, const char *label, uint64_t total)
{
    snprintf(progress->label, sizeof progress->label, "%s", label);
    progress->total = total;
    progress->start_ms = updraft_progress_now_ms();
    progress->drawn_ms = 0;
    progress->said_pct = 0;
    progress->running = !progress->quiet;
    updraft_progress_update(progress, 0);
}

void updraft_progress_update(struct updraft_progress *progress, uint64_t done)
{
    uint64_t now_ms = updraft_progress_now_ms();
    unsigned pct = percent(progress, done);

    if (!progress->running)
        return;
    if (progress->on_tty) {
        bool is_last = pct == 100 && progress->said_pct < 100;

        if (now_ms < progress->drawn_ms + REDRAW_MS && !is_last)
            return;
        progress->said_pct = pct;
        progress->drawn_ms = now_ms;
        draw(progress, done, now_ms);
    } else if (pct >= progress->said_pct + QUARTER) {
        progress->said_pct = pct - pct % QUARTER;
        fprintf(stderr, "%s: %u %%, %llu bytes\n", progress->label, progress->said_pct,
                (unsigned long long)done);
    }
}

void updraft_progress_end(struct updraft_progress *progress)
{
    if (progress->running && progress->on_tty)
        fputc('\n', stderr);
    progress->running = false;
}
