/* What is said to a webhook, in which words, signed how, and what its answer means.
 *
 *   POST URL
 *   X-Updraft-Event: attempt.failed
 *   X-Updraft-Delivery: 1795283937495001     the same in each try: who gets it twice drops one
 *   X-Updraft-Timestamp: 1795283941          seconds; sign of a replay when it is old
 *   X-Updraft-Signature: sha256=HEX          HMAC-SHA256 with the secret over TIMESTAMP "." BODY
 *   {"event":..,"delivery":..,"at":..,"change":{..},"attempt":{..}}
 *
 * Pure but for looking into the fleet. */
#ifndef UPDRAFT_SERVER_HOOKS_MESSAGE_H
#define UPDRAFT_SERVER_HOOKS_MESSAGE_H

#include "server/news.h"

#define UPDRAFT_HOOK_EVENT_CAP     48u
#define UPDRAFT_HOOK_SIGNATURE_CAP (sizeof "sha256=" + 2 * UPDRAFT_SHA256_LEN)

/* "rollout.stopped", "attempt.failed", "release", "channel". False: the item is nothing to be told. */
bool updraft_hook_event(const struct updraft_news_item *item, char event[UPDRAFT_HOOK_EVENT_CAP]);
/* wanted: words parted by blanks, each an event or what stands before its dot. */
bool updraft_hook_wants(const char *wanted, const char *event);
/* Whether a word means anything. */
bool updraft_hook_word_known(const char *word);

/* The body; item NULL: there is none (`test`, `lost`). The fleet is locked. The caller frees it. */
char *updraft_hook_body(const struct updraft_fleet *fleet, const char *event, uint64_t delivery,
                        const struct updraft_news_item *item, int64_t now_ms);
void updraft_hook_sign(const char *secret, int64_t timestamp_s, const char *body,
                       char signature[UPDRAFT_HOOK_SIGNATURE_CAP]);

enum updraft_hook_verdict {
    UPDRAFT_HOOK_TAKEN,
    UPDRAFT_HOOK_REFUSED, /* it says that it never will: another try is of no use */
    UPDRAFT_HOOK_LATER,
};
/* status 0: no answer. */
enum updraft_hook_verdict updraft_hook_judge(unsigned status);
/* Until the next try, after so many; -1: there is none. */
int64_t updraft_hook_wait_ms(unsigned tries);

#endif
