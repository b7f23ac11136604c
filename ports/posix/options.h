/* The command line of updraft-device. Texts point into argv.
 *
 * To add an option: a member here, a row in options_table.c. Parsing and --help follow from it. */
#ifndef UPDRAFT_PORTS_POSIX_OPTIONS_H
#define UPDRAFT_PORTS_POSIX_OPTIONS_H

#include "device/console/ovms.h"
#include "device/update/permission.h"
#include "ports/posix/nor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the program ends; documented in --help, relied on by scripts. */
enum updraft_exit {
    UPDRAFT_EXIT_OK = 0,
    UPDRAFT_EXIT_FAILED = 1,
    UPDRAFT_EXIT_USAGE = 2,
    UPDRAFT_EXIT_NOT_BOOTABLE = 3,
    UPDRAFT_EXIT_POWER_CUT = 42,
};

/* What an image does once it runs: firmware is not executed here, so it must be told. */
enum updraft_behaviour {
    UPDRAFT_BEHAVIOUR_HEALTHY,
    UPDRAFT_BEHAVIOUR_CRASH,   /* resets right after boot */
    UPDRAFT_BEHAVIOUR_HANG,    /* answers nothing until the watchdog bites */
    UPDRAFT_BEHAVIOUR_OFFLINE, /* works, but reaches no server */
};

struct updraft_one_place_map;

struct updraft_options {
    const char *flash_path;
    const char *table_path; /* NULL: the flash file must exist */
    const char *app_path;   /* likewise */
    const char *board_path;
    const char *server;     /* instead of the board's, and by check-in; NULL: as the board says */
    const char *old_update; /* what an old SDK's updater fetches; NULL: nothing */
    uint32_t table_off;     /* flash address of the partition table */
    uint8_t old_sdk_nibble; /* size nibble of an old SDK's boot loader, for a new flash */
    bool old_sdk;           /* a new flash holds an old SDK's system */
    bool keep_rf;           /* of the old SDK's system */
    const struct updraft_one_place_map *one_place; /* NULL: a device with slots */
    bool stock_boot;                               /* of a device with one place */
    const char *listen;
    bool console; /* on standard input */
    enum updraft_ovms_dialect console_words;
    enum updraft_ovms_network network; /* what the console thinks it is reached by */
    const char *guard;                 /* reason to refuse updates; NULL: none */
    uint32_t guard_retry_s;            /* what the guard says of when; 0: nothing */
    struct updraft_schedule schedule;  /* where has_schedule */
    bool has_schedule;
    uint32_t button_window_s;         /* 0: no button */
    uint32_t safe_after_s;            /* the application needs so long to its safe state */
    uint32_t safe_deadline_s;         /* 0: it is not asked for one */
    uint32_t safe_again_s;            /* after the deadline: 0: restart anyway */
    uint32_t flash_size;              /* 0: not given */
    enum updraft_behaviour behaviour; /* of images on trial */
    uint32_t cut_at;
    enum updraft_nor_cut cut;
    enum updraft_nor_timing timing;
    uint32_t restart_ms;
    uint32_t health_s;
    uint32_t stall_s;
    uint32_t attempts;
    bool disabled;
    bool is_secret; /* not announced by mDNS */
    bool forget;    /* takes back at the first boot what the device refuses */
    bool quiet;
};

enum updraft_options_next {
    UPDRAFT_OPTIONS_RUN,
    UPDRAFT_OPTIONS_SHOWN, /* --help or --version was printed */
    UPDRAFT_OPTIONS_WRONG, /* the reason was printed */
};

enum updraft_options_next updraft_options_parse(int argc, char **argv,
                                                struct updraft_options *options);

/* "healthy", "crash", "hang", "offline". False for anything else. */
bool updraft_behaviour_by_name(const char *name, enum updraft_behaviour *behaviour);

/* ---- the table ---- */

enum updraft_option_kind {
    UPDRAFT_OPTION_HEADING, /* of --help: `help` alone */
    UPDRAFT_OPTION_FLAG,    /* bool */
    UPDRAFT_OPTION_TEXT,    /* const char *, not empty */
    UPDRAFT_OPTION_NUMBER,  /* uint32_t, min..max */
    UPDRAFT_OPTION_CHOICE,  /* an enum, by name */
    UPDRAFT_OPTION_OTHER,   /* `take` reads it */
};

struct updraft_option_choice {
    const char *name; /* NULL: the end */
    int value;
};

struct updraft_option_row {
    enum updraft_option_kind kind;
    const char *name; /* without dashes */
    const char *arg;  /* how --help names the value; NULL: none */
    const char *help; /* lines, parted by '\n' */
    size_t member;    /* offsetof(struct updraft_options, ...) */
    uint32_t min;
    uint32_t max;
    const struct updraft_option_choice *choices;
    /* False after a printed sentence. */
    bool (*take)(const char *text, struct updraft_options *options);
};

extern const struct updraft_option_row updraft_option_rows[];
extern const size_t updraft_option_row_count;
extern const struct updraft_option_choice updraft_behaviour_choices[];
/* What --help says around the options. */
extern const char updraft_options_intro[];
extern const char updraft_options_outro[];

#endif
