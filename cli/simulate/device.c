#include "cli/simulate/device.h"

#include <stdio.h>
#include <string.h>

#define RETRY_FIRST_MS 500u
#define RETRY_MOST_MS  60000u

const struct updraft_sim_kind_entry updraft_sim_kinds[UPDRAFT_SIM_KIND_COUNT] = {
    [UPDRAFT_SIM_ESP8266] = {"esp8266", "esp8266", .has_name = true},
    [UPDRAFT_SIM_CHANNEL] = {"channel", "esp32", true, true, true, true, false},
    [UPDRAFT_SIM_EVSE] = {"evse", "esp32", .has_name = false},
    [UPDRAFT_SIM_OVMS] = {"ovms", "esp32", .has_name = false},
    [UPDRAFT_SIM_CHECK] = {"check", "esp32", true, false, true, true, true},
    [UPDRAFT_SIM_DDI] = {"ddi", "swu", .has_name = true, .tells = true, .has_way_back = true},
};

const char *const updraft_sim_state_names[UPDRAFT_SIM_STATE_COUNT] = {
    "none",      "offered",     "downloading", "written",  "trial",
    "confirmed", "rolled_back", "failed",      "postponed"};

/* --- chance --- */

enum draw { DRAW_WAIT, DRAW_BAD, DRAW_BAD_LATE, DRAW_FAIL, DRAW_SILENT, DRAW_POSTPONE };

static uint64_t mix(uint64_t x) /* splitmix64 */
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint64_t draw(const struct updraft_sim_device *device, const struct updraft_sim_world *world,
                     enum draw what, uint64_t which)
{
    return mix(mix(mix(world->seed) ^ device->number) ^ mix(which << 3 | (uint64_t)what));
}

static bool happens(const struct updraft_sim_device *device, const struct updraft_sim_world *world,
                    enum draw what, uint64_t which, uint32_t odds)
{
    return draw(device, world, what, which) % UPDRAFT_SIM_ODDS < odds;
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* base_ms, more or less by the jitter. */
static uint64_t wait_ms(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                        uint64_t base_ms)
{
    uint64_t span = base_ms * world->jitter_pct / 100;

    return base_ms - span + draw(device, world, DRAW_WAIT, device->waits++) % (2 * span + 1);
}

/* --- the books --- */

static void set(char out[UPDRAFT_SIM_VERSION_CAP], const char *text)
{
    if (out != text)
        snprintf(out, UPDRAFT_SIM_VERSION_CAP, "%s", text);
}

static bool is_open(enum updraft_sim_state state)
{
    return (state >= UPDRAFT_SIM_OFFERED && state <= UPDRAFT_SIM_TRIAL) ||
           state == UPDRAFT_SIM_POSTPONED;
}

/* Offered, and nothing done about it yet. */
static bool is_untaken(enum updraft_sim_state state)
{
    return state == UPDRAFT_SIM_OFFERED || state == UPDRAFT_SIM_POSTPONED;
}

static void book_end(struct updraft_sim_book *book, enum updraft_sim_state end)
{
    book->state = end;
    book->ends[end] += book->is_ours;
}

/* An offer that was not taken up gives way to another; what had begun ends there. */
static void book_offer(struct updraft_sim_book *book, const char *to)
{
    bool is_same = !strcmp(book->to, to);

    if (is_open(book->state) && is_same) {
        if (book->state == UPDRAFT_SIM_WRITTEN)
            book->state = UPDRAFT_SIM_OFFERED;
        return;
    }
    if (!is_untaken(book->state)) {
        if (is_open(book->state))
            book_end(book, UPDRAFT_SIM_FAILED);
        book->is_ours = true;
        book->begun++;
    }
    book->state = UPDRAFT_SIM_OFFERED;
    set(book->to, to);
}

/* One that does not report is told by what it runs when it comes back. */
static void book_return(struct updraft_sim_book *book, const char *version)
{
    if (book->state == UPDRAFT_SIM_DOWNLOADING && book->was_sent && strcmp(book->to, version) != 0)
        book_end(book, UPDRAFT_SIM_FAILED);
}

static void book_running(struct updraft_sim_book *book, const char *version, bool is_confirmed)
{
    book->is_known = true;
    book->is_confirmed = is_confirmed;
    set(book->version, version);
    if (!is_open(book->state) || strcmp(book->to, version) != 0)
        return;
    if (is_confirmed)
        book_end(book, UPDRAFT_SIM_CONFIRMED);
    else
        book->state = UPDRAFT_SIM_TRIAL;
}

/* --- what comes next --- */

static void go(struct updraft_sim_device *device, enum updraft_sim_step step, uint64_t due_ms)
{
    device->step = step;
    device->due_ms = due_ms;
}

static void ask_later(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                      uint64_t now_ms)
{
    go(device, UPDRAFT_SIM_ASK, now_ms + wait_ms(device, world, world->poll_ms));
}

static void lose(struct updraft_sim_device *device)
{
    device->is_settled = true;
    go(device, UPDRAFT_SIM_LOST, UINT64_MAX);
}

/* Drawn once a device: it happens in its first update, or never. */
static bool goes_silent(struct updraft_sim_device *device, const struct updraft_sim_world *world)
{
    if (device->tries > 1 || !happens(device, world, DRAW_SILENT, 0, world->silent_odds))
        return false;
    device->went_silent = true;
    lose(device);
    return true;
}

static void after_image(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                        const struct updraft_sim_answer *answer, uint64_t now_ms)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];
    bool is_sound =
        answer->is_whole && !happens(device, world, DRAW_FAIL, device->tries, world->fail_odds);

    /* It says in the request for the image who it is. */
    if (kind->has_trial && answer->status < 300 && is_untaken(device->book.state))
        device->book.state = UPDRAFT_SIM_DOWNLOADING;
    if (is_sound && kind->tells)
        go(device, UPDRAFT_SIM_TELL_WRITTEN, now_ms);
    else if (is_sound)
        go(device, UPDRAFT_SIM_RESTART, now_ms + wait_ms(device, world, world->boot_ms));
    else if (kind->tells || kind->has_trial)
        go(device, UPDRAFT_SIM_TELL_FAILED, now_ms);
    else
        ask_later(device, world, now_ms);
}

static void after_offer(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                        const struct updraft_sim_answer *answer, uint64_t now_ms)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];

    device->is_settled = false;
    device->tries++;
    set(device->target, answer->version);
    snprintf(device->image_url, sizeof device->image_url, "%s", answer->url);
    if (kind->has_name)
        book_offer(&device->book, device->target);
    if (device->kind == UPDRAFT_SIM_ESP8266) { /* the answer is the image */
        device->book.state = UPDRAFT_SIM_DOWNLOADING;
        device->book.was_sent = answer->is_whole;
    }
    if (kind->tells)
        go(device, UPDRAFT_SIM_TELL_DOWNLOADING, now_ms);
    else if (goes_silent(device, world))
        return;
    else if (device->image_url[0])
        go(device, UPDRAFT_SIM_FETCH, now_ms);
    else
        after_image(device, world, answer, now_ms);
}

/* Not now: its question said so. The next one will not. */
static void put_off(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                    const struct updraft_sim_answer *answer, uint64_t now_ms)
{
    device->postpones = false;
    device->is_settled = false;
    book_offer(&device->book, answer->version);
    device->book.state = UPDRAFT_SIM_POSTPONED;
    ask_later(device, world, now_ms);
}

/* hawkBit's poll names work by its number; idle, the device says what it is. */
static void after_poll(struct updraft_sim_device *device, const struct updraft_sim_answer *answer,
                       uint64_t now_ms)
{
    device->book.is_known = true;
    device->action = answer->action;
    switch (answer->work) {
    case UPDRAFT_SIM_WORK_NONE:
        go(device, UPDRAFT_SIM_TELL_ABOUT, now_ms);
        break;
    case UPDRAFT_SIM_WORK_UPDATE:
        /* It does not know yet where that leads, but the server does. */
        device->is_uncertain = true;
        go(device, UPDRAFT_SIM_LOOK, now_ms);
        break;
    case UPDRAFT_SIM_WORK_CANCEL:
        go(device, UPDRAFT_SIM_TELL_CANCELED, now_ms);
        break;
    }
}

static void after_look(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                       const struct updraft_sim_answer *answer, uint64_t now_ms)
{
    if (answer->status == 200 && answer->version[0])
        after_offer(device, world, answer, now_ms);
    else
        ask_later(device, world, now_ms); /* it is gone meanwhile */
}

static void after_ask(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                      const struct updraft_sim_answer *answer, uint64_t now_ms)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];
    bool is_answer = answer->status == 200 || answer->status == 304;

    if (device->kind == UPDRAFT_SIM_DDI && is_answer) {
        after_poll(device, answer, now_ms);
        return;
    }
    /* Asking while it runs the new image is all that a stock device will ever say of it. */
    if (is_answer && kind->has_name && (!kind->has_trial || device->kind == UPDRAFT_SIM_CHECK))
        book_running(&device->book, device->runs, true);
    if (is_answer && device->kind == UPDRAFT_SIM_ESP8266)
        book_return(&device->book, device->runs);
    if (answer->status == 200 && answer->version[0] && strcmp(answer->version, device->runs) != 0 &&
        strcmp(answer->version, device->refused) != 0) {
        if (device->postpones)
            put_off(device, world, answer, now_ms);
        else
            after_offer(device, world, answer, now_ms);
        return;
    }
    device->is_settled = true;
    ask_later(device, world, now_ms);
}

static void roll_back(struct updraft_sim_device *device, uint64_t due_ms)
{
    set(device->runs, device->before);
    set(device->refused, device->target);
    go(device, UPDRAFT_SIM_TELL_ROLLED_BACK, due_ms);
}

static void after_told(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                       uint64_t now_ms)
{
    struct updraft_sim_book *book = &device->book;

    switch (device->step) {
    case UPDRAFT_SIM_TELL_DOWNLOADING:
        book->state = UPDRAFT_SIM_DOWNLOADING;
        if (!goes_silent(device, world))
            go(device, UPDRAFT_SIM_FETCH, now_ms);
        break;
    case UPDRAFT_SIM_TELL_ABOUT:
        /* What is new to the server may bring an offer the next time. */
        device->is_settled = !strcmp(book->version, device->runs);
        book_running(book, device->runs, true);
        ask_later(device, world, now_ms);
        break;
    case UPDRAFT_SIM_TELL_CANCELED:
    case UPDRAFT_SIM_TELL_FAILED:
        book_end(book, UPDRAFT_SIM_FAILED);
        ask_later(device, world, now_ms);
        break;
    case UPDRAFT_SIM_TELL_WRITTEN:
        book->state = UPDRAFT_SIM_WRITTEN;
        go(device, UPDRAFT_SIM_RESTART, now_ms + wait_ms(device, world, world->boot_ms));
        break;
    case UPDRAFT_SIM_TELL_TRIAL:
        book_running(book, device->runs, false);
        if (device->is_bad)
            roll_back(device, now_ms + wait_ms(device, world, world->boot_ms));
        else
            go(device, UPDRAFT_SIM_TELL_CONFIRMED, now_ms);
        break;
    case UPDRAFT_SIM_TELL_CONFIRMED:
        book_running(book, device->runs, true);
        ask_later(device, world, now_ms);
        break;
    case UPDRAFT_SIM_TELL_ROLLED_BACK:
        set(book->version, device->runs);
        book->is_confirmed = true;
        book_end(book, UPDRAFT_SIM_ROLLED_BACK);
        go(device, UPDRAFT_SIM_TELL_CONFIRMED, now_ms);
        break;
    case UPDRAFT_SIM_ASK:
    case UPDRAFT_SIM_LOOK:
    case UPDRAFT_SIM_FETCH:
    case UPDRAFT_SIM_RESTART:
    case UPDRAFT_SIM_LOST:
        break;
    }
}

/* The same once more: the wait doubles, unless the server names one. */
static void try_again(struct updraft_sim_device *device, const struct updraft_sim_world *world,
                      uint32_t retry_after_s, uint64_t now_ms)
{
    uint64_t pause_ms = RETRY_FIRST_MS;

    for (unsigned i = 0; i < device->misses && pause_ms < RETRY_MOST_MS; i++)
        pause_ms *= 2;
    if (device->misses < UINT8_MAX)
        device->misses++;
    pause_ms = pause_ms < RETRY_MOST_MS ? pause_ms : RETRY_MOST_MS;
    if (retry_after_s)
        pause_ms = (uint64_t)retry_after_s * 1000u;
    device->due_ms = now_ms + wait_ms(device, world, pause_ms);
}

static bool is_final(const struct updraft_sim_device *device,
                     const struct updraft_sim_answer *answer)
{
    if (answer->status == 0 || answer->status == 429 || answer->status >= 500)
        return false;
    /* A report counts as delivered only when it was taken. */
    return device->step <= UPDRAFT_SIM_FETCH || answer->status == 200 || answer->status == 410;
}

void updraft_sim_device_answer(struct updraft_sim_device *device,
                               const struct updraft_sim_world *world,
                               const struct updraft_sim_answer *answer, uint64_t now_ms)
{
    const bool was_told = device->step > UPDRAFT_SIM_RESTART;

    if (!is_final(device, answer)) {
        device->is_uncertain = device->is_uncertain || answer->status == 0;
        try_again(device, world, answer->retry_after_s, now_ms);
        return;
    }
    device->is_uncertain = false;
    device->misses = 0;
    if (answer->status == 410) { /* the action has ended without it */
        ask_later(device, world, now_ms);
        return;
    }
    if (device->step == UPDRAFT_SIM_ASK)
        after_ask(device, world, answer, now_ms);
    else if (device->step == UPDRAFT_SIM_LOOK)
        after_look(device, world, answer, now_ms);
    else if (device->step == UPDRAFT_SIM_FETCH)
        after_image(device, world, answer, now_ms);
    else
        after_told(device, world, now_ms);
    /* What it tells by its own check-in is a question, too; it takes what is offered at the next one. */
    if (device->kind == UPDRAFT_SIM_CHECK && was_told && answer->version[0])
        book_offer(&device->book, answer->version);
}

/* Without a word: nobody who tells of a trial is there to tell of it. */
static void start_silently(struct updraft_sim_device *device, uint64_t now_ms)
{
    if (device->is_bad && !updraft_sim_kinds[device->kind].has_way_back) {
        lose(device);
        return;
    }
    if (device->is_bad)
        set(device->runs, device->before);
    go(device, UPDRAFT_SIM_ASK, now_ms);
}

void updraft_sim_device_restart(struct updraft_sim_device *device,
                                const struct updraft_sim_world *world, uint64_t now_ms)
{
    const uint64_t version = hash_of(device->target);

    set(device->before, device->runs);
    set(device->runs, device->target);
    device->is_bad = happens(device, world, DRAW_BAD, version, world->bad_boot_odds);
    if (!updraft_sim_kinds[device->kind].has_trial) {
        start_silently(device, now_ms);
        return;
    }
    /* Half of the bad ones crash before they can say a word, the others while on trial. */
    if (device->is_bad && happens(device, world, DRAW_BAD_LATE, version, UPDRAFT_SIM_ODDS / 2)) {
        roll_back(device, now_ms);
        return;
    }
    if (!device->is_bad)
        device->slot ^= 1u;
    go(device, UPDRAFT_SIM_TELL_TRIAL, now_ms);
}

/* --- the beginning --- */

void updraft_sim_device_init(struct updraft_sim_device *device,
                             const struct updraft_sim_world *world, uint32_t number,
                             enum updraft_sim_kind kind, const char *version)
{
    memset(device, 0, sizeof *device);
    device->number = number;
    device->kind = kind;
    set(device->runs, version);
    device->postpones = updraft_sim_kinds[kind].postpones &&
                        happens(device, world, DRAW_POSTPONE, 0, world->postpone_odds);
    go(device, updraft_sim_kinds[kind].has_trial ? UPDRAFT_SIM_TELL_CONFIRMED : UPDRAFT_SIM_ASK,
       draw(device, world, DRAW_WAIT, device->waits++) % (world->poll_ms + 1u));
}

void updraft_sim_device_adopt(struct updraft_sim_device *device, const char *version,
                              bool is_confirmed, enum updraft_sim_state state, const char *to)
{
    struct updraft_sim_book *book = &device->book;

    book->is_known = true;
    book->is_confirmed = is_confirmed;
    book->state = state;
    set(book->version, version);
    set(book->to, to);
    if (version[0])
        set(device->runs, version);
    if (state == UPDRAFT_SIM_ROLLED_BACK)
        set(device->refused, to);
}

/* Locally administered; two bytes of the seed keep the fleets of two seeds apart. */
void updraft_sim_device_mac(const struct updraft_sim_world *world, uint32_t number,
                            char out[UPDRAFT_SIM_MAC_CAP])
{
    unsigned fleet = (unsigned)(mix(world->seed) & 0xFFFFu);

    snprintf(out, UPDRAFT_SIM_MAC_CAP, "02:%02X:%02X:%02X:%02X:%02X", fleet >> 8, fleet & 0xFFu,
             (unsigned)(number >> 16 & 0xFFu), (unsigned)(number >> 8 & 0xFFu),
             (unsigned)(number & 0xFFu));
}

bool updraft_sim_device_number(const struct updraft_sim_world *world, const char *mac,
                               uint32_t *number)
{
    char expected[UPDRAFT_SIM_MAC_CAP];
    unsigned high = 0, middle = 0, low = 0;

    if (strlen(mac) != UPDRAFT_SIM_MAC_CAP - 1 ||
        sscanf(mac + 9, "%2x:%2x:%2x", &high, &middle, &low) != 3)
        return false;
    const uint32_t value = (uint32_t)(high << 16 | middle << 8 | low);
    updraft_sim_device_mac(world, value, expected);
    if (strcmp(expected, mac) != 0)
        return false;
    *number = value;
    return true;
}
