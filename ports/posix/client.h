/* HTTP and HTTPS towards servers: libcurl's multi interface, driven by the caller's loop. Performs what
 * the pull engine asks for and posts reports, one of each at a time. Pulls follow redirects by the rules
 * of redirect.h; reports follow none. Whom it trusts is in tls.h.
 *
 * Owns: the transfers. The pull engine and the texts are the caller's. */
#ifndef UPDRAFT_PORTS_POSIX_CLIENT_H
#define UPDRAFT_PORTS_POSIX_CLIENT_H

#include "device/pull/pull.h"
#include "format/image.h"
#include "ports/posix/redirect.h"
#include "ports/posix/tls.h"

#include <curl/curl.h>

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_CLIENT_ANSWER_CAP 256u /* of the answer to a report */

struct updraft_client_config {
    struct updraft_pull *pull; /* NULL: this device never pulls */
    const char *report_url;    /* NULL: it never reports */
    const struct updraft_tls *tls;
    const char *pull_headers; /* added to what the engine asks for: lines "Name: value\n", or "" */
    bool is_offline;          /* every connection fails */
    uint16_t chip_id;         /* an image for another chip is no answer to this device */
    uint32_t stall_s;         /* a pull that crawls for so long is given up */
    /* An image that must not be taken again, because it was rolled back; "" for none. */
    const char *refused_version;
    const char *refused_md5;
};

enum updraft_client_report {
    UPDRAFT_CLIENT_REPORT_NONE, /* none ended since last asked */
    UPDRAFT_CLIENT_REPORT_DELIVERED,
    UPDRAFT_CLIENT_REPORT_FAILED,
};

struct updraft_client {
    struct updraft_client_config config;
    CURLM *multi;
    CURL *pull_transfer;                /* NULL: none runs */
    CURL *report_transfer;              /* NULL: none runs */
    struct updraft_pull_fetch fetch;    /* what the engine wants */
    char url[UPDRAFT_REDIRECT_URL_CAP]; /* where it is asked for now */
    unsigned redirect_count;            /* that were followed to there */
    struct curl_slist *pull_lines;
    struct curl_slist *report_lines;
    bool pull_is_answered; /* status and headers were given to the engine */
    bool is_redirected;    /* this answer says only where to ask */
    bool pull_is_stopped;  /* the engine wants no more of it */
    bool pull_took_some;   /* in this turn */
    bool pull_is_paused;   /* more has come: no waiting */
    bool refused;          /* the server offered the refused image */
    /* While the running image is on trial a check is made, but nothing is downloaded: that the
     * server offers an image is seen from its start. */
    bool is_on_trial; /* set by the caller before each run */
    bool only_looks;  /* this pull does */
    bool saw_offer;   /* and saw an image that this device could take; the caller clears it */
    enum updraft_error look_error;
    struct updraft_image_reader look;
    enum updraft_client_report report;
    size_t report_answer_len;
    char report_answer[UPDRAFT_CLIENT_ANSWER_CAP];
};

/* False when libcurl has no memory. */
bool updraft_client_open(struct updraft_client *client, const struct updraft_client_config *config);
/* Breaks off what runs; the pull engine is not told. */
void updraft_client_close(struct updraft_client *client);

/* Waits until one of fds is ready, a transfer moves, or the time is over. */
void updraft_client_wait(struct updraft_client *client, struct curl_waitfd *fds, unsigned fd_count,
                         int timeout_ms);

/* may_start: a new check may begin now. The image that a channel offers is not asked for while on
 * trial. */
void updraft_client_run(struct updraft_client *client, bool may_start, uint64_t now_ms);

bool updraft_client_is_pulling(const struct updraft_client *client);

/* Only while no report is under way. The text is copied. */
void updraft_client_send_report(struct updraft_client *client, const char *json);
bool updraft_client_is_reporting(const struct updraft_client *client);
enum updraft_client_report updraft_client_take_report(struct updraft_client *client);

#endif
