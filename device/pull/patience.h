/* When to ask a server again: the interval with a tenth of jitter, back-off after failures, and what
 * the server itself says of it.
 *
 *   nothing new      the interval, or as long as the answer says that it holds, if that is longer
 *   failed           doubled for each failure in a row, up to a cap
 *   failed for good  the cap at once: the same request will not be answered better soon
 *   told when        then, and up to a tenth of the interval later; a failure is told so by
 *                    Retry-After, the answer to a check-in by wait_s
 *
 * Owns: the count of failures. No clock, no memory, nothing in flash: after a restart it is friendly
 * again. Sources: RFC 9110 section 10.2.3 (Retry-After), RFC 9111 section 5.2 (Cache-Control). */
#ifndef UPDRAFT_DEVICE_PULL_PATIENCE_H
#define UPDRAFT_DEVICE_PULL_PATIENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A server is believed up to here: a mistake, or somebody on the way, must not silence a device. */
#define UPDRAFT_PATIENCE_TOLD_CAP_S 86400u

struct updraft_patience {
    uint32_t interval_s;
    uint32_t cap_s;                                      /* of back-off; 0: 3600 */
    void (*random)(void *ctx, uint8_t *out, size_t len); /* for jitter; NULL: none */
    void *random_ctx;
    uint8_t failures_in_row;
};

/* How a check ended. */
struct updraft_patience_end {
    bool failed;
    bool is_for_good;       /* of a failure: asking again changes nothing */
    uint32_t retry_after_s; /* of a failure: when to come again; 0: nobody said */
    uint32_t fresh_s;       /* otherwise: so long the answer holds; 0: not said */
    uint32_t wait_s;        /* otherwise: when to come again, sooner or later; 0: not said */
};

/* Counts the failure, or forgets those before. Returns how long to wait, in milliseconds. */
uint64_t updraft_patience_next_ms(struct updraft_patience *patience,
                                  const struct updraft_patience_end *end);

/* max-age of a Cache-Control header; 0 without one, with no-cache or no-store, and for NULL. */
uint32_t updraft_patience_fresh_s(const char *cache_control);

#endif
