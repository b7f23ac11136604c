#include "ports/posix/life.h"

#include "device/slots/refused.h"
#include "ports/posix/life_ways.h"
#include "ports/posix/narrator.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define CRASH_AFTER_MS   100u
#define CONFIRM_AFTER_MS 500u  /* without a server: healthy once the sockets are open */
#define TRIAL_CHECK_MS   1000u /* between checks that fail while on trial */
#define BUSY_WAIT_MS     100   /* the engines' clocks while something goes on */
#define IDLE_WAIT_MS     1000

uint64_t updraft_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

const char *updraft_life_product(const struct updraft_life *life)
{
    const struct updraft_board *board = life->machine->board;
    if (board->product)
        return board->product;
    return life->running.project[0] ? life->running.project : board->name;
}

void updraft_life_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        }
    }
}

/* ---- birth ---- */

enum updraft_error updraft_life_forget(void *ctx)
{
    struct updraft_life *life = ctx;
    if (life->machine->one_place.map)
        return UPDRAFT_OK; /* without a way back nothing is refused for having failed */
    enum updraft_error error = updraft_slots_clear_refused(&life->slots, NULL);
    if (error != UPDRAFT_OK)
        return error;
    life->refused_version[0] = '\0';
    life->refused_md5[0] = '\0';
    updraft_log_event(&life->machine->log, "refusals forgotten");
    return UPDRAFT_OK;
}

/* Which image this is and how it stands; false when that cannot be read. */
static bool find_self(struct updraft_life *life, const struct updraft_start *start,
                      struct updraft_slot_record *failed)
{
    struct updraft_machine *machine = life->machine;
    if (!updraft_seat_open(life, start, failed))
        return false;
    if (machine->options->forget && !machine->has_forgotten)
        machine->has_forgotten = updraft_life_forget(life) == UPDRAFT_OK;
    if (life->running.has_marker)
        life->behaviour = life->running.marker;
    else if (life->watch.is_on_trial)
        life->behaviour = machine->options->behaviour;
    return true;
}

static void set_up_update(struct updraft_life *life)
{
    const struct updraft_machine *machine = life->machine;
    updraft_narrator_hook(life);
    updraft_consent_init(life);
    life->hooks.guard = updraft_consent_ask;
    struct updraft_update_config config = {
        .place = updraft_seat_place(life),
        .chip_id = machine->board->chip->id,
        .project = life->running.project[0] ? life->running.project : NULL,
        .attempts = (uint8_t)machine->options->attempts,
        .buf = life->sector,
        .decoder = &updraft_update_gzip,
        .gunzip_arena = life->gunzip_arena,
        .hooks = &life->hooks,
    };
    updraft_update_init(&life->update, &config);
    updraft_update_enable(&life->update, !machine->is_disabled);
}

/* With what is true of this boot: the version may be another than before. */
static void announce(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    const struct updraft_board *board = machine->board;
    struct updraft_announcer_config config = {
        .log = &machine->log,
        .listen = &machine->listen,
        .mac = board->mac,
        .http_port = machine->http_port,
        .what =
            {
                .name = board->name,
                .product = updraft_life_product(life),
                .version = life->running.version,
                .ways = board->speaks_esphome ? "direct,raw,form,espota,esphome"
                                              : "direct,raw,form,espota",
                .chip = board->chip,
                .ota_port = machine->ota_port,
                .direct_port = machine->direct_port,
                .esphome_port = board->speaks_esphome ? machine->esphome_port : 0,
                .has_password = board->password != NULL,
            },
    };
    if (!machine->options->is_secret)
        life->announcer = updraft_announcer_start(&config, &machine->told_no_announce);
}

/* Everything that an image's own start-up code does before its main loop. */
static bool begin_life(struct updraft_life *life, const struct updraft_start *start)
{
    struct updraft_slot_record failed;
    if (!find_self(life, start, &failed))
        return false;
    set_up_update(life);
    updraft_reports_init(&life->reports);
    life->reports_to_server = life->machine->board->server != NULL;
    if (!updraft_life_open_push(life))
        return false;
    if (!updraft_life_open_console(life)) {
        updraft_life_close_push(life);
        return false;
    }
    updraft_narrator_booted(life, start);
    if (failed.slot != UPDRAFT_SLOT_NONE)
        updraft_narrator_rolled_back(life, &failed);
    updraft_narrator_copied(life);
    if (updraft_life_open_pull(life)) {
        announce(life);
        return true;
    }
    updraft_log_warn("not enough memory for the HTTP client");
    updraft_console_close(&life->console);
    updraft_life_close_push(life);
    return false;
}

static void end_life(struct updraft_life *life)
{
    updraft_announcer_stop(life->announcer);
    updraft_client_close(&life->client);
    updraft_console_close(&life->console);
    updraft_life_close_push(life);
}

/* ---- the main loop ---- */

static void confirm(struct updraft_life *life)
{
    if (!life->watch.is_on_trial)
        return;
    if (updraft_trial_watch_confirm(&life->watch) != UPDRAFT_OK) {
        updraft_log_warn("the trial cannot be ended: the boot record cannot be written");
        return;
    }
    /* Only now that it is true may it be told. */
    updraft_narrator_confirmed(life);
}

/* Counted from now: reading the slot back may have taken a while since the turn began. */
static void schedule_restart(struct updraft_life *life)
{
    if (life->restart_ms == 0)
        life->restart_ms = updraft_clock_ms() + life->machine->options->restart_ms;
}

static void run_signals(struct updraft_life *life)
{
    struct updraft_machine *machine = life->machine;
    struct signalfd_siginfo info;
    while (read(machine->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGUSR1 && machine->options->guard) {
            machine->guard_is_up = !machine->guard_is_up;
            updraft_log_event(&machine->log, "guard %s reason=\"%s\"",
                              machine->guard_is_up ? "up" : "down", machine->options->guard);
        } else if (info.ssi_signo == SIGUSR2) {
            machine->is_disabled = !machine->is_disabled;
            updraft_update_enable(&life->update, !machine->is_disabled);
            updraft_log_event(&machine->log, "updates %s",
                              machine->is_disabled ? "disabled" : "enabled");
        } else if (info.ssi_signo == (uint32_t)SIGRTMIN && machine->options->button_window_s) {
            updraft_consent_press(life);
        } else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            life->end = UPDRAFT_LIFE_STOPPED;
        }
    }
}

static void run_reports(struct updraft_life *life, uint64_t now_ms)
{
    enum updraft_client_report ended = updraft_client_take_report(&life->client);
    if (ended != UPDRAFT_CLIENT_REPORT_NONE) {
        bool is_delivered = ended == UPDRAFT_CLIENT_REPORT_DELIVERED;
        enum updraft_report_lane lane = updraft_reports_ended(&life->reports, is_delivered, now_ms);
        if (!is_delivered && !life->report_failed)
            updraft_log_event(&life->machine->log, "report failed url=%s", life->report_url);
        life->report_failed = !is_delivered;
        if (is_delivered && lane == UPDRAFT_REPORT_ROLLED_BACK)
            life->machine->roll_back_is_reported = true;
        if (is_delivered)
            confirm(life);
    }
    if (updraft_client_is_reporting(&life->client))
        return;
    const char *json = updraft_reports_take(&life->reports, now_ms);
    if (json)
        updraft_client_send_report(&life->client, json);
}

/* The server hears how the device stands before it is asked for more: a roll back, above all, with
 * its reason. A server that takes no reports does not hold up the checks. */
static bool may_start_check(const struct updraft_life *life)
{
    bool is_free =
        life->update.state != UPDRAFT_UPDATE_RECEIVING && life->update.state != UPDRAFT_UPDATE_DONE;
    if (life->watch.is_on_trial && updraft_pull_has_offer(&life->pull))
        return false; /* what it offers is fetched once this image is confirmed */
    bool has_told = life->report_failed || (!updraft_client_is_reporting(&life->client) &&
                                            updraft_reports_due_ms(&life->reports) == UINT64_MAX);
    return is_free && has_told;
}

/* A trial ends well with a check that got a real answer: this image reaches its server and
 * understands it, so the next update will find its way. */
static void judge_trial(struct updraft_life *life, enum updraft_pull_outcome outcome,
                        uint64_t now_ms)
{
    if (!life->watch.is_on_trial)
        return;
    if (outcome == UPDRAFT_PULL_UP_TO_DATE || outcome == UPDRAFT_PULL_POSTPONED ||
        updraft_pull_has_offer(&life->pull))
        confirm(life);
    else if (outcome == UPDRAFT_PULL_FAILED &&
             updraft_failure_retry_after_s(&life->pull.failure) == 0)
        updraft_pull_now(&life->pull, now_ms + TRIAL_CHECK_MS);
    if (!life->watch.is_on_trial && life->client.saw_offer)
        updraft_pull_now(&life->pull, now_ms); /* and now it is taken */
}

static bool went_wrong(enum updraft_pull_outcome outcome)
{
    return outcome == UPDRAFT_PULL_FAILED || outcome == UPDRAFT_PULL_POSTPONED;
}

static void run_pull(struct updraft_life *life, uint64_t now_ms)
{
    life->via = life->pull.config.way == UPDRAFT_PULL_CHECK ? "check"
                : life->machine->board->channel_count > 0   ? "channel"
                                                            : "headers";
    life->ask.trial = life->watch.is_on_trial;
    life->client.is_on_trial = life->watch.is_on_trial;
    updraft_client_run(&life->client, may_start_check(life), now_ms);
    if (!life->pulls)
        return;
    enum updraft_pull_outcome outcome = updraft_pull_take_outcome(&life->pull);
    judge_trial(life, outcome, now_ms);
    if (outcome == UPDRAFT_PULL_UPDATED)
        schedule_restart(life);
    if (life->client.refused) {
        updraft_log_event(&life->machine->log, "update skipped version=%s reason=\"%s\"",
                          life->refused_version, "it was rolled back before");
        life->client.refused = false;
    } else if (went_wrong(outcome) && life->pull.failure.code != life->check_code) {
        char sentence[200];
        updraft_failure_sentence(&life->pull.failure, sentence, sizeof sentence);
        updraft_log_event(&life->machine->log, "%s code=%d text=\"%s\"",
                          outcome == UPDRAFT_PULL_FAILED ? "check failed" : "update postponed",
                          (int)life->pull.failure.code, sentence);
    }
    if (outcome != UPDRAFT_PULL_NONE)
        life->check_code = went_wrong(outcome) ? life->pull.failure.code : UPDRAFT_OK;
}

static void run_watch(struct updraft_life *life, uint64_t now_ms)
{
    if (now_ms >= updraft_trial_watch_due_ms(&life->watch)) /* its last line */
        updraft_log_event(&life->machine->log, "health deadline passed version=%s",
                          life->running.version);
    if (updraft_trial_watch_tick(&life->watch, now_ms) == UPDRAFT_TRIAL_WATCH_RESTART)
        life->end = UPDRAFT_LIFE_CRASH;
}

static void run_timers(struct updraft_life *life, uint64_t now_ms)
{
    if (life->restart_ms != 0 && now_ms >= life->restart_ms)
        updraft_consent_restart(life, now_ms);
    /* A device that only waits for pushes has nobody to prove itself to. */
    if (life->watch.is_on_trial && !life->reports_to_server && !life->pulls &&
        now_ms >= life->born_ms + CONFIRM_AFTER_MS)
        confirm(life);
    run_watch(life, now_ms);
}

static int wait_ms(const struct updraft_life *life, uint64_t now_ms)
{
    bool is_busy = updraft_push_socket_is_busy(&life->push) ||
                   updraft_direct_socket_is_busy(&life->direct) ||
                   updraft_esphome_socket_is_busy(&life->esphome) || life->watch.is_on_trial ||
                   life->restart_ms != 0 || life->update.state == UPDRAFT_UPDATE_RECEIVING;
    uint64_t next_ms = now_ms + (is_busy ? BUSY_WAIT_MS : IDLE_WAIT_MS);
    uint64_t due_ms[] = {
        updraft_reports_due_ms(&life->reports),
        life->pulls && may_start_check(life) ? updraft_pull_due_ms(&life->pull) : UINT64_MAX,
        life->restart_ms ? life->restart_ms : UINT64_MAX,
    };
    for (size_t i = 0; i < sizeof due_ms / sizeof due_ms[0]; i++)
        next_ms = due_ms[i] < next_ms ? due_ms[i] : next_ms;
    if (updraft_console_is_ready(&life->console))
        next_ms = now_ms;
    int limit_ms = next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
    limit_ms = updraft_push_socket_timeout_ms(&life->push, limit_ms);
    return updraft_httpd_timeout_ms(&life->httpd, limit_ms);
}

static void wait_for_work(struct updraft_life *life)
{
    struct pollfd polled[1 + UPDRAFT_PUSH_SOCKET_POLL_CAP + UPDRAFT_DIRECT_SOCKET_POLL_CAP +
                         UPDRAFT_ESPHOME_SOCKET_POLL_CAP + UPDRAFT_CONSOLE_POLL_CAP +
                         UPDRAFT_HTTPD_POLL_CAP] = {
        {.fd = life->machine->signal_fd, .events = POLLIN},
    };
    struct curl_waitfd fds[sizeof polled / sizeof polled[0]];
    unsigned count = 1;
    count += updraft_push_socket_poll(&life->push, polled + count);
    count += updraft_direct_socket_poll(&life->direct, polled + count);
    count += updraft_esphome_socket_poll(&life->esphome, polled + count);
    count += updraft_console_poll(&life->console, polled + count);
    count += updraft_httpd_poll(&life->httpd, polled + count);
    for (unsigned i = 0; i < count; i++) {
        int events = (polled[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                     (polled[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0);
        fds[i] = (struct curl_waitfd){.fd = polled[i].fd, .events = (short)events};
    }
    updraft_client_wait(&life->client, fds, count, wait_ms(life, updraft_clock_ms()));
}

static void serve(struct updraft_life *life)
{
    while (life->end == UPDRAFT_LIFE_GOES_ON) {
        wait_for_work(life);
        run_signals(life);
        life->via = "espota";
        updraft_push_socket_run(&life->push, updraft_clock_ms());
        life->via = "direct";
        updraft_direct_socket_run(&life->direct, updraft_clock_ms());
        life->via = "esphome";
        updraft_esphome_socket_run(&life->esphome, updraft_clock_ms());
        life->via = "console";
        updraft_console_run(&life->console, updraft_clock_ms());
        updraft_httpd_run(&life->httpd, updraft_clock_ms());
        run_pull(life, updraft_clock_ms());
        run_reports(life, updraft_clock_ms());
        if (updraft_espota_take_restart(&life->push.espota) ||
            updraft_direct_take_restart(&life->direct.direct) ||
            updraft_esphome_socket_take_restart(&life->esphome) ||
            updraft_console_take_restart(&life->console) ||
            updraft_httpd_take_restart(&life->httpd))
            schedule_restart(life);
        run_timers(life, updraft_clock_ms());
    }
}

/* What the panic handler of a chip does, also for its watchdog. */
static void panic(struct updraft_life *life)
{
    if (updraft_last_lines_save(&life->lines, &life->slots) != UPDRAFT_OK)
        updraft_log_warn("the last lines cannot be saved");
}

/* An image that crashes or hangs does nothing but wait for its end; signals still stop the program.
 */
static void suffer(struct updraft_life *life)
{
    bool crashes = life->behaviour == UPDRAFT_BEHAVIOUR_CRASH;
    uint64_t end_ms =
        life->born_ms + (crashes ? CRASH_AFTER_MS : life->machine->options->health_s * 1000ull);
    while (life->end == UPDRAFT_LIFE_GOES_ON) {
        uint64_t now_ms = updraft_clock_ms();
        if (now_ms >= end_ms) {
            updraft_log_event(&life->machine->log, crashes ? "crash" : "watchdog reset");
            panic(life);
            life->end = UPDRAFT_LIFE_CRASH;
            return;
        }
        struct pollfd fd = {.fd = life->machine->signal_fd, .events = POLLIN};
        (void)poll(&fd, 1, (int)(end_ms - now_ms));
        run_signals(life);
    }
}

static void keep_line(void *ctx, const char *line)
{
    struct updraft_life *life = ctx;
    updraft_last_lines_add(&life->lines, line);
}

static enum updraft_life_end live(struct updraft_life *life, const struct updraft_start *start)
{
    if (!begin_life(life, start))
        return UPDRAFT_LIFE_BROKEN;
    if (life->behaviour == UPDRAFT_BEHAVIOUR_CRASH || life->behaviour == UPDRAFT_BEHAVIOUR_HANG) {
        /* Its network stack never came up: connections are refused. */
        end_life(life);
        suffer(life);
        return life->end;
    }
    serve(life);
    end_life(life);
    return life->end;
}

enum updraft_life_end updraft_life_run(struct updraft_machine *machine,
                                       const struct updraft_start *start)
{
    struct updraft_life life = {.machine = machine, .born_ms = updraft_clock_ms()};
    updraft_life_random(NULL, (uint8_t *)&life.boot_id, sizeof life.boot_id);
    updraft_last_lines_init(&life.lines, life.line_ring, sizeof life.line_ring);
    machine->log.keep = keep_line;
    machine->log.keep_ctx = &life;
    enum updraft_life_end end = live(&life, start);
    machine->log.keep = NULL;
    return end;
}
