/* Updraft's own check-in, from the device's side: what it posts to /d/check, and what it is answered.
 *
 * Owns: bytes <-> structs. Memory is the caller's; decoding takes about 2 KB of stack. Nothing is kept
 * in flash.
 * Source: docs/SPEC.md, section 5. */
#ifndef UPDRAFT_FORMAT_CHECK_H
#define UPDRAFT_FORMAT_CHECK_H

#include "format/digest.h"
#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_CHECK_LEN_CAP     1024u /* of either, bytes of JSON */
#define UPDRAFT_CHECK_VERSION_CAP 32u
#define UPDRAFT_CHECK_URL_CAP     256u
#define UPDRAFT_CHECK_LAYOUT_CAP  64u
#define UPDRAFT_CHECK_REASON_CAP  160u

/* How an update ended, for a server that was not told. */
struct updraft_check_end {
    bool rolled_back; /* else it failed */
    char target[UPDRAFT_CHECK_VERSION_CAP];
    struct updraft_failure failure;
};

/* Texts that are NULL are left out; those without a remark are needed. */
struct updraft_check_ask {
    const char *device; /* MAC address */
    const char *product;
    const char *channel; /* or NULL */
    const char *chip;    /* slug, or NULL */
    const char *board;   /* or NULL */
    const char *layout;  /* of the flash, or NULL */
    const char *name;    /* or NULL */
    const char *version;
    const char *slot;                        /* or NULL */
    bool trial;                              /* the running image is on trial */
    uint32_t capacity;                       /* bytes that an image may have; 0: not told */
    const struct updraft_check_end *end;     /* of the last update, or NULL */
    const struct updraft_failure *postponed; /* why no update may begin now, or NULL */
};

/* E_NO_SPACE when out is too small; its contents are undefined then. *len without the NUL behind it. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_check_ask_encode(const struct updraft_check_ask *ask,
                                                               char *out, size_t out_cap,
                                                               size_t *len);

struct updraft_check_answer {
    uint32_t poll_s;                       /* when to ask again; 0: not said */
    uint32_t wait_s;                       /* this time, instead; 0: not said */
    char reason[UPDRAFT_CHECK_REASON_CAP]; /* why there is an offer or none, cut; "": not said */
    bool has_offer;
    struct {
        char version[UPDRAFT_CHECK_VERSION_CAP];
        char url[UPDRAFT_CHECK_URL_CAP];
        char layout[UPDRAFT_CHECK_LAYOUT_CAP]; /* of the flash, that it is built for; "": any */
        uint32_t size;
        uint8_t sha256[UPDRAFT_SHA256_LEN];
    } offer;
};

/* E_JSON when it is none; E_TOO_LONG when it is longer than the cap, or the version or the address of
 * an offer longer than theirs; E_ANSWER when "ok" is not true, as of a captive portal, or a member is
 * not what it has to be. *out is untouched on failure. Members that are not known are passed over. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_check_answer_decode(const char *json, size_t len,
                                                                  struct updraft_check_answer *out);

#endif
