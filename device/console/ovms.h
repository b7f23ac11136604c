/* The `ota` console of OVMS v3: text in, text out.
 *
 *   ota [status [nocheck]]            ota boot factory|ota_0|ota_1
 *   ota flash vfs FILE                ota erase factory|ota_0|ota_1
 *   ota flash http [URL]              ota copy FROM TO
 *   ota flash auto [force]            config set auto|ota INSTANCE VALUE
 *   enable PASSWORD                   module reset
 *
 * The words are those of the stock firmware, current or 3.1.003; where the transaction refuses, its
 * own sentence follows the stock "ESP32 error" on a line of its own. Also decides, as the stock
 * firmware does, when to look for an update by itself: once a day, in one hour, by wifi only unless
 * a modem is allowed, and only for a version that is newer.
 *
 * Owns: the sessions' text, one job at a time (a second one is told so), the settings. No I/O: what
 * it wants read, a file or an address, the platform reads and gives to it; it writes through the
 * transaction, and to the flash port for erase and copy. One update at a time, whatever way it comes.
 *
 * Differences from the stock device: an image is verified and chosen in one step, and boots on
 * trial; `ota erase` and `ota copy` take a sector a step, and other sessions go on meanwhile.
 *
 * Memory: the struct, no pointers into itself. After a power loss the old image boots until a new
 * one is chosen; erase and copy touch neither the running slot nor the one that boots next.
 * Source: ovms_ota.cpp, ovms_command.cpp and ovms_config.cpp of OVMS v3. */
#ifndef UPDRAFT_DEVICE_CONSOLE_OVMS_H
#define UPDRAFT_DEVICE_CONSOLE_OVMS_H

#include "device/console/ovms_version.h"
#include "device/push/sign_in.h"
#include "device/update/update.h"

#define UPDRAFT_OVMS_SESSION_CAP   3
#define UPDRAFT_OVMS_LINE_CAP      256u
#define UPDRAFT_OVMS_OUT_CAP       3072u
#define UPDRAFT_OVMS_SOURCE_CAP    200u
#define UPDRAFT_OVMS_CHANGELOG_CAP 1024u
#define UPDRAFT_OVMS_SERVER_CAP    96u
#define UPDRAFT_OVMS_TAG_CAP       32u
#define UPDRAFT_OVMS_NOTICE_CAP    160u

enum updraft_ovms_dialect { UPDRAFT_OVMS_CURRENT, UPDRAFT_OVMS_3_1_003 };

enum updraft_ovms_network {
    UPDRAFT_OVMS_NETWORK_NONE,
    UPDRAFT_OVMS_NETWORK_MODEM,
    UPDRAFT_OVMS_NETWORK_WIFI,
};

struct updraft_ovms_config {
    struct updraft_update *update;
    struct updraft_slots *slots; /* the ones that `update` writes to */
    enum updraft_ovms_dialect dialect;
    const char *hardware; /* "OVMS WIFI BLE BT cores=2 rev=ESP32/3"; NULL: not told */
    const char *version;  /* of the running firmware, as the metric m.version has it */
    const char *product;  /* "v3.3": a part of the server's address */
    const char *server;   /* host and path, with or without scheme; NULL: the public server */
    const char *tag;      /* NULL: main */
    const char *password; /* of `enable`; NULL or "": none */
    uint16_t chip_id;
    uint8_t *buf; /* one sector, place.flash->sector_len bytes; not the transaction's */
};

enum updraft_ovms_wants {
    UPDRAFT_OVMS_WANTS_NOTHING,
    UPDRAFT_OVMS_WANTS_FILE, /* updraft_ovms_source() is to be read */
    UPDRAFT_OVMS_WANTS_HTTP, /* ... by GET, as HTTP/1.0 and without redirects */
    UPDRAFT_OVMS_WANTS_RUN,  /* updraft_ovms_run() has work to do: do not wait */
};

enum updraft_ovms_job {
    UPDRAFT_OVMS_JOB_NONE,
    UPDRAFT_OVMS_JOB_CHECK, /* the version file, for `ota status` */
    UPDRAFT_OVMS_JOB_VFS,
    UPDRAFT_OVMS_JOB_HTTP,
    UPDRAFT_OVMS_JOB_AUTO_CHECK,
    UPDRAFT_OVMS_JOB_AUTO,
    UPDRAFT_OVMS_JOB_ERASE,
    UPDRAFT_OVMS_JOB_COPY,
};

struct updraft_ovms_session {
    bool is_open;
    bool is_secure;
    bool waits; /* for the job it started */
    enum updraft_sign_in sign_in;
    uint16_t in_len;
    uint16_t out_off;
    uint16_t out_len;
    char in[UPDRAFT_OVMS_LINE_CAP];
    char out[UPDRAFT_OVMS_OUT_CAP];
};

/* `config set`: lost with the power; the platform gives the lasting values in the config. */
struct updraft_ovms_settings {
    bool auto_ota;
    bool allow_modem;
    uint8_t auto_hour;
    char server[UPDRAFT_OVMS_SERVER_CAP];
    char tag[UPDRAFT_OVMS_TAG_CAP];
};

struct updraft_ovms {
    struct updraft_ovms_config config;
    struct updraft_ovms_settings settings;
    enum updraft_ovms_network network;
    struct updraft_ovms_session sessions[UPDRAFT_OVMS_SESSION_CAP];

    enum updraft_ovms_job job;
    int8_t job_session;   /* who started it; -1: nobody, or he went */
    const char *activity; /* for "Status:"; NULL: none */
    char source[UPDRAFT_OVMS_SOURCE_CAP];
    bool source_is_open;
    bool is_begun; /* the job holds the transaction */
    bool is_over;  /* the job has ended; what is still read of its source is not wanted */
    uint32_t total;
    uint32_t done;
    uint32_t told; /* of done, by the newest line of progress */
    struct updraft_extent from;
    struct updraft_extent to;
    bool to_factory;

    char server_version[UPDRAFT_OVMS_VERSION_CAP]; /* "": not known */
    char changelog[UPDRAFT_OVMS_CHANGELOG_CAP];
    uint16_t changelog_len;
    uint16_t version_len;
    bool has_line; /* the version file's first line is complete */
    bool is_forced;
    int8_t checked_day;  /* of the month; -1: none */
    uint64_t check_ms;   /* of the next look at the clock; 0: at once */
    uint64_t restart_ms; /* 0: none is due */
    uint64_t now_ms;
    bool restart;
    char told_version[UPDRAFT_OVMS_VERSION_CAP]; /* of which the user heard that it needs wifi */
    char notice[UPDRAFT_OVMS_NOTICE_CAP];
};

/* Hour and day as the people around the device have them. */
struct updraft_ovms_clock {
    uint8_t hour; /* 0..23 */
    uint8_t day;  /* of the month */
};

/* config is copied; what it points to must live as long as the engine. */
void updraft_ovms_init(struct updraft_ovms *ovms, const struct updraft_ovms_config *config);
void updraft_ovms_set_network(struct updraft_ovms *ovms, enum updraft_ovms_network network);

/* A session: its number, -1 when there is no place. is_secure: it needs no `enable`. */
int updraft_ovms_open(struct updraft_ovms *ovms, bool is_secure);
/* A job that it started goes on. */
void updraft_ovms_close(struct updraft_ovms *ovms, int session);
/* Text came: how much was taken. None while a command runs, or while there is text to drain. */
size_t updraft_ovms_feed(struct updraft_ovms *ovms, int session, const char *text, size_t len);
size_t updraft_ovms_drain(struct updraft_ovms *ovms, int session, char *out, size_t out_cap);
/* What came of the newest `enable` with a password, once. */
enum updraft_sign_in updraft_ovms_take_sign_in(struct updraft_ovms *ovms, int session);

enum updraft_ovms_wants updraft_ovms_wants(const struct updraft_ovms *ovms);
/* The path or address; it stays until updraft_ovms_ended(). */
const char *updraft_ovms_source(const struct updraft_ovms *ovms);
/* The file is open, the answer's header has come; len -1: not told; status: of HTTP. False: no more
 * of it is wanted; then still call updraft_ovms_ended(). */
bool updraft_ovms_opened(struct updraft_ovms *ovms, int64_t len, uint16_t status);
bool updraft_ovms_data(struct updraft_ovms *ovms, const uint8_t *data, size_t len);
/* The source is read: UPDRAFT_OK, or why it could not be, or not to its end. Once for each that was
 * wanted. Blocks while the finished slot is read back. */
void updraft_ovms_ended(struct updraft_ovms *ovms, enum updraft_error transport);

/* Time passes, and one step of what runs is done. Call at least every second. */
void updraft_ovms_run(struct updraft_ovms *ovms, const struct updraft_ovms_clock *clock,
                      uint64_t now_ms);

/* Erase or copy is writing to flash: no other update may begin. */
bool updraft_ovms_is_writing(const struct updraft_ovms *ovms);
/* An "ota.update" notification for the user, once; false when there is no new one. */
bool updraft_ovms_take_notice(struct updraft_ovms *ovms, char out[UPDRAFT_OVMS_NOTICE_CAP]);
/* True once: restart now. */
bool updraft_ovms_take_restart(struct updraft_ovms *ovms);

#endif
