#include "device/pull/patience.h"

#define DEFAULT_CAP_S 3600u
#define JITTER_PART   10u /* one tenth */

static uint32_t cap_s(const struct updraft_patience *patience)
{
    return patience->cap_s != 0 ? patience->cap_s : DEFAULT_CAP_S;
}

/* An interval above the cap stays what it is: failures never make a device ask more often. */
static uint64_t backed_off_s(const struct updraft_patience *patience)
{
    uint64_t wait = patience->interval_s;

    for (uint8_t i = 0; i < patience->failures_in_row && wait < cap_s(patience); i++)
        wait = wait * 2 < cap_s(patience) ? wait * 2 : cap_s(patience);
    return wait;
}

static uint64_t random_up_to(const struct updraft_patience *patience, uint64_t most)
{
    uint8_t bytes[8] = {0};
    uint64_t random = 0;

    if (patience->random == NULL)
        return 0;
    patience->random(patience->random_ctx, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        random = random << 8 | bytes[i];
    return random % (most + 1);
}

/* Without jitter a fleet that came up together would ask together for ever. */
static uint64_t around_ms(const struct updraft_patience *patience, uint64_t wait_s)
{
    uint64_t wait_ms = wait_s * 1000u;
    uint64_t span = wait_ms / JITTER_PART;

    return patience->random == NULL ? wait_ms : wait_ms - span + random_up_to(patience, 2 * span);
}

/* Somebody said when. Never earlier than told, and spread, for a fleet is told the same. */
static uint64_t not_before_ms(const struct updraft_patience *patience, uint32_t told_s)
{
    uint64_t span = (uint64_t)patience->interval_s * 1000u / JITTER_PART;

    return (uint64_t)told_s * 1000u + random_up_to(patience, span);
}

uint64_t updraft_patience_next_ms(struct updraft_patience *patience,
                                  const struct updraft_patience_end *end)
{
    if (!end->failed || end->retry_after_s != 0)
        patience->failures_in_row = 0;
    else if (patience->failures_in_row < UINT8_MAX)
        patience->failures_in_row++;

    if (end->failed && end->retry_after_s != 0)
        return not_before_ms(patience, end->retry_after_s);
    if (end->failed && end->is_for_good && cap_s(patience) > patience->interval_s)
        return around_ms(patience, cap_s(patience));
    if (!end->failed && end->wait_s != 0)
        return not_before_ms(patience, end->wait_s);
    if (!end->failed && end->fresh_s > patience->interval_s)
        return not_before_ms(patience, end->fresh_s);
    return around_ms(patience, backed_off_s(patience));
}

/* ---- Cache-Control ----------------------------------------------------------------------------
 */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* What stands behind the name at `at`, or NULL when another name stands there. */
static const char *skip_name(const char *at, const char *name)
{
    for (; *name != '\0'; name++, at++) {
        if (lower(*at) != *name)
            return NULL;
    }
    return *at == '\0' || *at == ',' || *at == ' ' || *at == '\t' || *at == '=' ? at : NULL;
}

/* "=N" or "=\"N\""; what does not fit is long enough. 0 for anything else. */
static uint32_t seconds_at(const char *at)
{
    uint64_t number = 0;

    if (*at++ != '=')
        return 0;
    if (*at == '"')
        at++;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number < UINT32_MAX ? number * 10u + (uint64_t)(*at - '0') : UINT32_MAX;
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

uint32_t updraft_patience_fresh_s(const char *cache_control)
{
    const char *at = cache_control;
    uint32_t fresh_s = 0;

    while (at != NULL && *at != '\0') {
        const char *behind;

        while (*at == ' ' || *at == '\t' || *at == ',')
            at++;
        if (skip_name(at, "no-cache") != NULL || skip_name(at, "no-store") != NULL)
            return 0;
        behind = skip_name(at, "max-age");
        if (behind != NULL)
            fresh_s = seconds_at(behind);
        while (*at != '\0' && *at != ',')
            at++;
    }
    return fresh_s;
}
