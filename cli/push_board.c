#include "cli/push_board.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_CAP 400u

void updraft_push_board_init(struct updraft_push_board *board, bool quiet, bool names_devices)
{
    *board = (struct updraft_push_board){
        .quiet = quiet,
        .on_tty = isatty(STDERR_FILENO) != 0,
        .names_devices = names_devices,
    };
}

static void compose(const struct updraft_push_board *board, const char *label, const char *text,
                    char line[LINE_CAP])
{
    if (board->names_devices)
        snprintf(line, LINE_CAP, "%.63s: %s", label, text);
    else
        snprintf(line, LINE_CAP, "%s", text);
    for (char *c = line; *c; c++) /* names and words come from devices */
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

static void wipe(struct updraft_push_board *board)
{
    if (board->drawn)
        fprintf(stderr, "\033[%zuA\r\033[J", board->drawn);
    board->drawn = 0;
}

void updraft_push_board_say(struct updraft_push_board *board, const char *label, const char *text)
{
    char line[LINE_CAP];

    if (board->quiet)
        return;
    compose(board, label, text, line);
    wipe(board);
    fprintf(stderr, "%s\n", line);
}

void updraft_push_board_begin(struct updraft_push_board *board)
{
    if (!board->quiet && board->on_tty)
        wipe(board);
}

/* A line that wraps would be two, and the cursor would not find back. */
static size_t width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
        return 79;
    return size.ws_col - 1u;
}

void updraft_push_board_line(struct updraft_push_board *board, const char *label, const char *text)
{
    char line[LINE_CAP];

    if (board->quiet || !board->on_tty)
        return;
    compose(board, label, text, line);
    fprintf(stderr, "%.*s\n", (int)width(), line);
    board->drawn++;
}

void updraft_push_board_end(struct updraft_push_board *board)
{
    if (!board->quiet && board->on_tty)
        fflush(stderr);
}
