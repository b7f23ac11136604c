/* One simulated device: what it does next, and what a server that keeps its books well knows of it.
 *
 * Owns: the truth of a device (what runs, what is being installed, how its updates ended) and the
 * order in which it says so; what happens to it is drawn from the seed, its number and the version,
 * never from the clock, so that the same seed gives the same fates on a slow network. Does not own:
 * how a request looks (wire.h), sockets and time (run.h). No memory, no I/O.
 *
 * A device that got no answer sends the same once more, so what was answered is what is on record.
 * Kinds that do not say who they are leave no trace in the books, and have no way back: those of them
 * that cannot boot the new image are lost, as on real hardware. */
#ifndef UPDRAFT_CLI_SIMULATE_DEVICE_H
#define UPDRAFT_CLI_SIMULATE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_SIM_VERSION_CAP 32u
#define UPDRAFT_SIM_URL_CAP     256u
#define UPDRAFT_SIM_MAC_CAP     18u
#define UPDRAFT_SIM_ODDS        10000u /* odds are out of so many: 0.01 % */
#define UPDRAFT_SIM_DEVICE_MOST 1000000u

enum updraft_sim_kind {
    UPDRAFT_SIM_ESP8266, /* ESP8266httpUpdate: version headers, says nothing else */
    UPDRAFT_SIM_CHANNEL, /* channel descriptor and reports, as our own library */
    UPDRAFT_SIM_EVSE,    /* channel descriptor as stock esp32-evse: without a name */
    UPDRAFT_SIM_OVMS,    /* ovms3.ver and ovms3.bin: without a name */
    UPDRAFT_SIM_DDI,     /* hawkBit's interface, as SWUpdate: a package into the other slot */
    UPDRAFT_SIM_CHECK,   /* our own check-in: all in one question, and it may postpone */
};
#define UPDRAFT_SIM_KIND_COUNT 6

struct updraft_sim_kind_entry {
    const char *name;
    const char *chip;  /* or the kind of package that it takes */
    bool has_name;     /* it says who it is: the server keeps books of it */
    bool tells;        /* of the download and that it is installed */
    bool has_trial;    /* it tells of trial, confirmation and roll back */
    bool has_way_back; /* what does not boot is left, and the old version runs again */
    bool postpones;    /* it may put an update off, and says so */
};

extern const struct updraft_sim_kind_entry updraft_sim_kinds[UPDRAFT_SIM_KIND_COUNT];

/* What is the same for all of them. */
struct updraft_sim_world {
    const char *product;
    const char *channel;
    uint64_t seed;
    uint32_t poll_ms;
    uint32_t boot_ms;
    uint32_t jitter_pct;
    uint32_t bad_boot_odds; /* a version that does not boot on this device */
    uint32_t fail_odds;     /* a download that does not arrive sound */
    uint32_t silent_odds;   /* a device that goes silent in its first update */
    uint32_t postpone_odds; /* a device that puts an offer off once, where its kind can */
};

/* Numbers have no meaning outside the process; the names are the server's. A kind with a way back and no
 * trial keeps its roll back to itself: for the server, the update stays written. */
enum updraft_sim_state {
    UPDRAFT_SIM_NONE,
    UPDRAFT_SIM_OFFERED,
    UPDRAFT_SIM_DOWNLOADING,
    UPDRAFT_SIM_WRITTEN,
    UPDRAFT_SIM_TRIAL,
    UPDRAFT_SIM_CONFIRMED,
    UPDRAFT_SIM_ROLLED_BACK,
    UPDRAFT_SIM_FAILED,
    UPDRAFT_SIM_POSTPONED,
};
#define UPDRAFT_SIM_STATE_COUNT 9

extern const char *const updraft_sim_state_names[UPDRAFT_SIM_STATE_COUNT];

/* What the server must have on record by what it has answered. */
struct updraft_sim_book {
    bool is_known;
    bool is_confirmed;
    bool is_ours;                          /* the newest attempt began in this run */
    bool was_sent;                         /* the server has sent all of its target */
    enum updraft_sim_state state;          /* of the newest attempt */
    char version[UPDRAFT_SIM_VERSION_CAP]; /* that it runs, as told */
    char to[UPDRAFT_SIM_VERSION_CAP];
    uint32_t begun; /* attempts of this run, and how they ended */
    uint32_t ends[UPDRAFT_SIM_STATE_COUNT];
};

enum updraft_sim_step {
    UPDRAFT_SIM_ASK,
    UPDRAFT_SIM_LOOK, /* what the action is that it was told of */
    UPDRAFT_SIM_FETCH,
    UPDRAFT_SIM_RESTART,       /* no request: updraft_sim_device_restart() */
    UPDRAFT_SIM_TELL_ABOUT,    /* what it is and runs */
    UPDRAFT_SIM_TELL_CANCELED, /* it has given up the action */
    UPDRAFT_SIM_TELL_DOWNLOADING,
    UPDRAFT_SIM_TELL_FAILED,
    UPDRAFT_SIM_TELL_WRITTEN,
    UPDRAFT_SIM_TELL_TRIAL,
    UPDRAFT_SIM_TELL_CONFIRMED,
    UPDRAFT_SIM_TELL_ROLLED_BACK,
    UPDRAFT_SIM_LOST, /* nothing more, ever */
};

struct updraft_sim_device {
    uint32_t number;
    enum updraft_sim_kind kind;
    enum updraft_sim_step step;
    bool is_bad;       /* what it starts, or runs on trial, does not stay */
    bool is_uncertain; /* its last request was not answered: the server may know or not */
    bool is_settled;   /* it was told that there is nothing new, or is lost */
    bool went_silent;
    bool postpones; /* it does not want to be updated now */
    uint8_t slot;
    uint32_t action; /* number of the update, where the server gives it one */
    uint8_t misses;  /* requests in a row that got no answer */
    uint32_t waits;  /* how often it has waited: what jitter is drawn by */
    uint32_t tries;  /* downloads so far: what failures are drawn by */
    uint64_t due_ms;
    char runs[UPDRAFT_SIM_VERSION_CAP];
    char before[UPDRAFT_SIM_VERSION_CAP]; /* what it goes back to */
    char target[UPDRAFT_SIM_VERSION_CAP];
    char refused[UPDRAFT_SIM_VERSION_CAP]; /* rolled back, not taken again */
    char image_url[UPDRAFT_SIM_URL_CAP];
    struct updraft_sim_book book;
};

/* What it was told to do, where the protocol tells that apart from the offer. */
enum updraft_sim_work { UPDRAFT_SIM_WORK_NONE, UPDRAFT_SIM_WORK_UPDATE, UPDRAFT_SIM_WORK_CANCEL };

/* What came back, as far as the device looks at it. */
struct updraft_sim_answer {
    unsigned status; /* 0: no answer */
    enum updraft_sim_work work;
    uint32_t action;
    const char *version; /* that is offered; "" when none is */
    const char *url;     /* of its image; "" where the answer brought the image */
    bool is_whole;       /* the image came as promised, byte by byte */
    uint32_t retry_after_s;
};

/* A device fresh from the factory; first due within one interval. */
void updraft_sim_device_init(struct updraft_sim_device *device,
                             const struct updraft_sim_world *world, uint32_t number,
                             enum updraft_sim_kind kind, const char *version);
/* Takes up what the server already has on record, so that a fleet goes on where it was. */
void updraft_sim_device_adopt(struct updraft_sim_device *device, const char *version,
                              bool is_confirmed, enum updraft_sim_state state, const char *to);
void updraft_sim_device_mac(const struct updraft_sim_world *world, uint32_t number,
                            char out[UPDRAFT_SIM_MAC_CAP]);
/* False when the id is of no device of this world. */
bool updraft_sim_device_number(const struct updraft_sim_world *world, const char *mac,
                               uint32_t *number);

/* The answer to what it sent in its step; sets the next step and when it is due. */
void updraft_sim_device_answer(struct updraft_sim_device *device,
                               const struct updraft_sim_world *world,
                               const struct updraft_sim_answer *answer, uint64_t now_ms);
/* Step RESTART: it starts what it has installed. */
void updraft_sim_device_restart(struct updraft_sim_device *device,
                                const struct updraft_sim_world *world, uint64_t now_ms);

#endif
