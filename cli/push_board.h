/* What the screen shows while devices are pushed to: on a terminal a line with a bar for each one
 * that is at work, below the lines that stay; elsewhere plain lines. All of it on stderr.
 *
 * Owns: the cursor. Memory: the caller's struct. */
#ifndef UPDRAFT_CLI_PUSH_BOARD_H
#define UPDRAFT_CLI_PUSH_BOARD_H

#include <stdbool.h>
#include <stddef.h>

struct updraft_push_board {
    bool quiet;
    bool on_tty;
    bool names_devices; /* there are several */
    size_t drawn;       /* lines with bars that stand at the bottom */
};

void updraft_push_board_init(struct updraft_push_board *board, bool quiet, bool names_devices);

/* A line that stays. */
void updraft_push_board_say(struct updraft_push_board *board, const char *label, const char *text);

/* The lines at the bottom, anew: begin, one line each, end. Only on a terminal. */
void updraft_push_board_begin(struct updraft_push_board *board);
void updraft_push_board_line(struct updraft_push_board *board, const char *label, const char *text);
void updraft_push_board_end(struct updraft_push_board *board);

#endif
