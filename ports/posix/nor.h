/* A NOR flash chip on the host: the specification that device and boot code are tested against.
 *
 * Holds: erase sets all bits of a sector or block; programming clears bits and never sets one;
 * reads are exact, but for what a power cut left behind (below). Refuses (and remembers as a violation, a fault of the caller) what a chip would
 * silently get wrong: programming a 1 over a 0, misaligned or out-of-range calls, a program across
 * a sector's end. Can cut the power at any program or erase, in four ways, and counts what real
 * chips need time for.
 *
 * Unstable reads: a cell whose charge was being moved when the power failed may be left between 0
 * and 1, and a chip may then read it differently each time. With options.unstable_bits each bit that
 * the torn operation was to change (of an erase: each bit of its range) may be left so, whatever the
 * cut did to it otherwise: every read of it gives 0 or 1 by chance. Programming it to 0 or erasing it
 * makes it steady; programming a 1 leaves it as it is, and is no violation.
 *
 * Memory: its own; backed by a file when a path is given, then every change is in the file at once
 * (shared mapping), also when the process dies. */
#ifndef UPDRAFT_PORTS_POSIX_NOR_H
#define UPDRAFT_PORTS_POSIX_NOR_H

#include "device/flash/flash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the operation during which the power fails has done by then. */
enum updraft_nor_cut {
    UPDRAFT_NOR_CUT_BEFORE, /* nothing */
    UPDRAFT_NOR_CUT_HALF,   /* the first half of its bytes */
    UPDRAFT_NOR_CUT_RANDOM, /* each bit by chance; an erase leaves any bits */
    UPDRAFT_NOR_CUT_AFTER,  /* all of it, but the caller never learns */
};

enum updraft_nor_timing {
    UPDRAFT_NOR_INSTANT,
    UPDRAFT_NOR_W25Q, /* typical W25Q: 45 ms a sector, 150 ms a 64 KB block, 0.4 ms a page */
};

struct updraft_nor_options {
    uint32_t size;      /* bytes; multiple of 64 KB. For an existing file 0: its size */
    uint32_t prog_len;  /* 0: 1 */
    uint32_t block_len; /* 0: 64 KB. Smaller ones make campaigns over every operation cheaper */
    enum updraft_nor_timing timing;
    bool sleep;      /* really wait as long as the chip would; else only count */
    uint64_t cut_at; /* cut the power at this program or erase, counted from 1; 0: never */
    enum updraft_nor_cut cut;
    uint32_t seed;             /* for UPDRAFT_NOR_CUT_RANDOM and unstable reads */
    uint32_t unstable_bits;    /* how many a cut leaves, at most and at least one; 0: none */
    void (*on_cut)(void *ctx); /* called once the cut is in the memory; may end the process */
    void *on_cut_ctx;
};

struct updraft_nor_counts {
    uint64_t operations; /* programs and erases: what cut_at counts */
    uint64_t programs;
    uint64_t sector_erases;
    uint64_t block_erases;
    uint64_t bytes_programmed;
    uint64_t bytes_read;
    uint64_t busy_us; /* time a chip of that timing needs for all of it */
};

struct updraft_nor {
    struct updraft_flash flash; /* the port; its ctx is this struct */
    uint8_t *bytes;
    uint8_t *unstable; /* bits set: cells that read unstably; NULL while there are none */
    struct updraft_nor_options options;
    struct updraft_nor_counts counts;
    uint32_t random;
    bool is_off;        /* the power was cut: every call fails */
    char violation[96]; /* the first fault of the caller; empty when there was none */
    int fd;             /* -1: no file */
};

/* Opens or creates (all 0xFF) the file; path NULL: memory only. False with a sentence in why. */
bool updraft_nor_open(struct updraft_nor *nor, const char *path,
                      const struct updraft_nor_options *options, char *why, size_t why_cap);
void updraft_nor_close(struct updraft_nor *nor);

/* The power comes back: counts start again, cut_at as given (0: no further cut). What is unstable
 * stays so. */
void updraft_nor_power_on(struct updraft_nor *nor, uint64_t cut_at, enum updraft_nor_cut cut);

#endif
