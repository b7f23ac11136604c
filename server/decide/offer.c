#include "server/decide/offer.h"

#include "format/error.h"
#include "format/version.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

static bool has_text(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* What has no number cannot be shown to be late enough. */
static bool is_too_old(const struct updraft_offer_facts *facts)
{
    return has_text(facts->min_from) &&
           (!has_text(facts->running) || !updraft_version_is_numbered(facts->running) ||
            updraft_version_compare(facts->running, facts->min_from) < 0);
}

static bool has_other_layout(const struct updraft_offer_facts *facts)
{
    return has_text(facts->layout) && has_text(facts->target_layout) &&
           strcmp(facts->layout, facts->target_layout) != 0;
}

enum updraft_verdict updraft_offer_decide(const struct updraft_offer_facts *facts)
{
    if (!facts->identified)
        return UPDRAFT_VERDICT_FORBIDDEN;
    if (!facts->image_known)
        return UPDRAFT_VERDICT_UNKNOWN;
    if (facts->digest == UPDRAFT_DIGEST_EQUAL ||
        strcmp(text_of(facts->running), facts->target) == 0)
        return UPDRAFT_VERDICT_CURRENT;
    if (facts->last_for_target == UPDRAFT_ATTEMPT_ROLLED_BACK)
        return UPDRAFT_VERDICT_HELD_BACK;
    if (facts->failures >= UPDRAFT_OFFER_FAILURES_MOST)
        return UPDRAFT_VERDICT_FAILED_OFTEN;
    if (has_other_layout(facts))
        return UPDRAFT_VERDICT_LAYOUT;
    if (facts->capacity != 0 && facts->size > facts->capacity)
        return UPDRAFT_VERDICT_TOO_LARGE;
    if (is_too_old(facts))
        return UPDRAFT_VERDICT_TOO_OLD;
    if (!has_text(facts->running) && facts->digest == UPDRAFT_DIGEST_UNTOLD)
        return UPDRAFT_VERDICT_UNTOLD;
    return UPDRAFT_VERDICT_OFFER;
}

bool updraft_offer_counts(uint32_t error_code)
{
    /* The way, the server, or somebody's wish. */
    static const uint8_t passing[] = {UPDRAFT_E_DISABLED,       UPDRAFT_E_BUSY,
                                      UPDRAFT_E_GUARD,          UPDRAFT_E_TRIAL,
                                      UPDRAFT_E_ABORTED,        UPDRAFT_E_TIMEOUT,
                                      UPDRAFT_E_CONNECT,        UPDRAFT_E_DISCONNECTED,
                                      UPDRAFT_E_HTTP_STATUS,    UPDRAFT_E_NOT_FOUND,
                                      UPDRAFT_E_AUTH,           UPDRAFT_E_RESTART_PENDING,
                                      UPDRAFT_E_BUTTON,         UPDRAFT_E_WINDOW,
                                      UPDRAFT_E_CERTIFICATE,    UPDRAFT_E_PIN,
                                      UPDRAFT_E_REDIRECT,       UPDRAFT_E_SERVER_BUSY,
                                      UPDRAFT_E_ALREADY_RUNNING};

    for (size_t i = 0; i < sizeof passing; i++) {
        if (passing[i] == error_code)
            return false;
    }
    return true;
}

static void explain_too_old(const struct updraft_offer_facts *facts, char *out, size_t cap)
{
    if (!has_text(facts->running))
        snprintf(out, cap, "%s takes devices from %s on, and it does not say what it runs",
                 facts->target, facts->min_from);
    else
        snprintf(out, cap, "%s takes devices from %s on, and it runs %s", facts->target,
                 facts->min_from, facts->running);
}

void updraft_offer_explain(enum updraft_verdict verdict, const struct updraft_offer_facts *facts,
                           char *out, size_t cap)
{
    const char *target = text_of(facts->target);

    switch (verdict) {
    case UPDRAFT_VERDICT_OFFER:
        snprintf(out, cap, "it is to run %s", target);
        break;
    case UPDRAFT_VERDICT_CURRENT:
        snprintf(out, cap, "it runs %s already", target);
        break;
    case UPDRAFT_VERDICT_HELD_BACK:
        snprintf(out, cap, "%s was rolled back on it", target);
        break;
    case UPDRAFT_VERDICT_FAILED_OFTEN:
        snprintf(out, cap, "%s failed on it %u times", target, facts->failures);
        break;
    case UPDRAFT_VERDICT_LAYOUT:
        snprintf(out, cap,
                 "%s is built for the flash layout '%s', it has '%s': that takes a full flash over "
                 "USB",
                 target, text_of(facts->target_layout), text_of(facts->layout));
        break;
    case UPDRAFT_VERDICT_TOO_LARGE:
        snprintf(out, cap,
                 "%s has %u bytes, and it has room for %u: that takes a full flash over USB",
                 target, (unsigned)facts->size, (unsigned)facts->capacity);
        break;
    case UPDRAFT_VERDICT_TOO_OLD:
        explain_too_old(facts, out, cap);
        break;
    case UPDRAFT_VERDICT_UNTOLD:
        snprintf(out, cap, "it says neither the version nor the digest of what it runs");
        break;
    case UPDRAFT_VERDICT_FORBIDDEN:
        snprintf(out, cap, "it does not say who it is");
        break;
    case UPDRAFT_VERDICT_UNKNOWN:
        snprintf(out, cap, "nothing is published for it");
        break;
    }
}

bool updraft_verdict_holds(enum updraft_verdict verdict)
{
    return verdict == UPDRAFT_VERDICT_HELD_BACK || verdict == UPDRAFT_VERDICT_FAILED_OFTEN ||
           verdict == UPDRAFT_VERDICT_LAYOUT || verdict == UPDRAFT_VERDICT_TOO_LARGE ||
           verdict == UPDRAFT_VERDICT_TOO_OLD;
}

const char *updraft_verdict_name(enum updraft_verdict verdict)
{
    switch (verdict) {
    case UPDRAFT_VERDICT_OFFER:
        return "offer";
    case UPDRAFT_VERDICT_CURRENT:
        return "current";
    case UPDRAFT_VERDICT_HELD_BACK:
        return "held_back";
    case UPDRAFT_VERDICT_FAILED_OFTEN:
        return "failed_often";
    case UPDRAFT_VERDICT_LAYOUT:
        return "layout";
    case UPDRAFT_VERDICT_TOO_LARGE:
        return "too_large";
    case UPDRAFT_VERDICT_TOO_OLD:
        return "too_old";
    case UPDRAFT_VERDICT_UNTOLD:
        return "untold";
    case UPDRAFT_VERDICT_FORBIDDEN:
        return "forbidden";
    case UPDRAFT_VERDICT_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}
