/* The virtual device between two resets: what a firmware's main() sets up and loops over.
 *
 * struct updraft_machine is what stays over a reset: the flash, the board, the chosen ports, and
 * what a real device would keep in a log. struct updraft_life is what RAM holds: gone with every
 * reset. Owns: the main loop, the restart after an update. */
#ifndef UPDRAFT_PORTS_POSIX_LIFE_H
#define UPDRAFT_PORTS_POSIX_LIFE_H

#include "boot/boot.h"
#include "device/pull/pull.h"
#include "device/slots/last_lines.h"
#include "device/slots/trial_watch.h"
#include "device/update/update.h"
#include "ports/posix/announce.h"
#include "ports/posix/board.h"
#include "ports/posix/brake.h"
#include "ports/posix/client.h"
#include "ports/posix/consent.h"
#include "ports/posix/console.h"
#include "ports/posix/direct_socket.h"
#include "ports/posix/esphome_socket.h"
#include "ports/posix/httpd.h"
#include "ports/posix/log.h"
#include "ports/posix/nor.h"
#include "ports/posix/old_sdk.h"
#include "ports/posix/one_place.h"
#include "ports/posix/options.h"
#include "ports/posix/push_socket.h"
#include "ports/posix/reports.h"
#include "ports/posix/seat.h"
#include "ports/posix/slot_facts.h"

#include <sys/socket.h>

#define UPDRAFT_SECTOR_LEN 4096u
#define UPDRAFT_URL_CAP    UPDRAFT_PULL_URL_CAP

#define UPDRAFT_LINE_RING_CAP 512u
#define UPDRAFT_LAST_LOG_CAP  1001u /* what a report takes along, and a NUL */

enum updraft_last_result {
    UPDRAFT_LAST_NONE,
    UPDRAFT_LAST_UPDATED,
    UPDRAFT_LAST_ROLLED_BACK,
    UPDRAFT_LAST_FAILED,
};

/* How the last update ended. */
struct updraft_last {
    enum updraft_last_result result;
    char version[33];               /* of the image it was about; "" when not known */
    struct updraft_failure failure; /* for ROLLED_BACK and FAILED */
    char log[UPDRAFT_LAST_LOG_CAP]; /* for ROLLED_BACK: its last lines, "" when it left none */
};

struct updraft_machine {
    struct updraft_log log;
    const struct updraft_options *options;
    const struct updraft_board *board;
    struct updraft_nor nor;
    struct sockaddr_storage listen;
    int http_reserve_fd; /* holds the HTTP port while the device is down */
    int signal_fd;
    uint16_t http_port;
    uint16_t ota_port;
    uint16_t direct_port;
    uint16_t esphome_port;
    uint16_t console_port;
    bool guard_is_up;
    bool is_disabled;
    bool told_no_announce;                      /* why the device is not announced was said */
    char data_partition[UPDRAFT_LABEL_LEN + 1]; /* takes file systems; "" for none */
    struct updraft_last last;
    char rolled_back_version[33]; /* the roll back that was noted already */
    bool roll_back_is_reported;
    bool has_forgotten; /* as --forget-failed asks */
    struct updraft_old_sdk old_sdk;
    struct updraft_one_place one_place;
};

enum updraft_life_end {
    UPDRAFT_LIFE_GOES_ON,
    UPDRAFT_LIFE_RESTART, /* asked for */
    UPDRAFT_LIFE_CRASH,   /* crash or watchdog */
    UPDRAFT_LIFE_STOPPED, /* SIGTERM, SIGINT */
    UPDRAFT_LIFE_BROKEN,  /* a port is taken, no memory; a sentence was printed */
};

struct updraft_life {
    struct updraft_machine *machine;
    enum updraft_life_end end;
    enum updraft_behaviour behaviour;
    struct updraft_slots slots;   /* where the device has them */
    struct updraft_staged staged; /* where it has one place */
    struct updraft_slot_facts running;
    struct updraft_trial_watch watch;
    struct updraft_last_lines lines;
    char line_ring[UPDRAFT_LINE_RING_CAP];

    struct updraft_update update;
    struct updraft_update_hooks hooks;
    struct updraft_consent consent;
    const char *via;        /* the way in that is being served now */
    const char *update_via; /* the way in of the running update; NULL: none runs */
    uint32_t told_pct;
    uint64_t told_ms;
    uint8_t sector[UPDRAFT_SECTOR_LEN];
    uint8_t gunzip_arena[UPDRAFT_GUNZIP_ARENA_LEN];

    struct updraft_brake brake;
    struct updraft_push_socket push;
    struct updraft_direct_socket direct;
    struct updraft_esphome_socket esphome;
    struct updraft_console console;
    struct updraft_httpd httpd;
    struct updraft_announcer *announcer; /* NULL: none */
    struct updraft_client client;
    struct updraft_pull pull;
    struct updraft_check_ask ask; /* of check-ins */
    bool pulls;
    enum updraft_error check_code; /* of the last check; so that a reason is told once in a row */
    struct updraft_reports reports;
    bool reports_to_server;
    bool report_failed; /* the newest attempt to report */
    char pull_url[UPDRAFT_URL_CAP];
    char pull_headers[256];
    char report_url[UPDRAFT_URL_CAP];
    char refused_version[33]; /* the last that failed, while it is refused; "" for none */
    char refused_md5[2 * UPDRAFT_MD5_LEN + 1];

    uint32_t boot_id; /* another one after every boot */
    uint64_t born_ms;
    uint64_t restart_ms;           /* when to restart; 0: no restart is due */
    const char *restart_waits_for; /* the guard's reason; NULL: it did not say no */
};

uint64_t updraft_clock_ms(void);

/* Runs the image that the boot stage chose until the next reset. */
enum updraft_life_end updraft_life_run(struct updraft_machine *machine,
                                       const struct updraft_start *start);

/* The product under which the server knows this device. */
const char *updraft_life_product(const struct updraft_life *life);

#endif
