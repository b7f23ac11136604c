/* board.yaml: which device this is. The keys of esp32-evse's board.yaml that have nothing to do
 * with updates are passed over.
 *
 * Owns: reading and checking the file. Memory: from the heap, released by updraft_board_free(). */
#ifndef UPDRAFT_PORTS_POSIX_BOARD_H
#define UPDRAFT_PORTS_POSIX_BOARD_H

#include "format/chip.h"
#include "ports/posix/tls.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_BOARD_CHANNEL_CAP 3u
#define UPDRAFT_MAC_CAP           18u /* "02:AA:BB:CC:DD:EE" */

struct updraft_board_channel {
    char *name;
    char *path;
};

struct updraft_board {
    const struct updraft_chip *chip;
    const char *name;
    const char *product;  /* NULL: the project of the image, else the name */
    const char *password; /* NULL: none */
    bool refuse_md5;      /* espota: take the SHA-256 password scheme only */
    const char *server;   /* without a slash at its end; NULL: none */
    bool checks_in;       /* by Updraft's own check-in; else by version headers, as the cores do */
    const char *kind;     /* of hardware, as the server names boards; NULL: not told */
    const char *layout;   /* of its flash, likewise */
    const char *channel;  /* of check-ins; NULL: the usual one */
    uint16_t ota_port;    /* 0: any free one */
    uint16_t http_port;   /* 0: any free one */
    uint16_t direct_port; /* 0: any free one */
    bool speaks_esphome;
    uint16_t esphome_port; /* 0: any free one */
    bool has_console;
    uint16_t console_port; /* 0: any free one */
    struct updraft_tls tls;
    uint32_t poll_s; /* 0: never by itself */
    const struct updraft_board_channel *channels;
    unsigned channel_count;
    char mac[UPDRAFT_MAC_CAP]; /* locally administered, from the name */
    struct board_file *file;   /* private: owns the texts */
};

/* False after a printed sentence that names the line where it can. */
bool updraft_board_load(const char *path, struct updraft_board *board);
void updraft_board_free(struct updraft_board *board);

#endif
