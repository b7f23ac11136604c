#include "cli/simulate/run.h"

#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MOST_MS  100u
#define SHOW_TTY_MS   250u
#define SHOW_LINES_MS 10000u
#define DRAIN_MS      15000u
#define LOOK_MS       1000u /* at the rollout */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* --- time --- */

/* Of the devices. */
static uint64_t sim_ms(const struct updraft_sim_run *run)
{
    return (updraft_progress_now_ms() - run->began_ms) * run->options->speed;
}

static uint64_t until_ms(const struct updraft_sim_run *run, uint64_t due_ms)
{
    const uint64_t now_ms = sim_ms(run);

    return due_ms <= now_ms ? 0 : (due_ms - now_ms) / run->options->speed + 1;
}

/* --- requests and answers --- */

static void put_back(struct updraft_sim_run *run, struct updraft_sim_device *device)
{
    if (device->step != UPDRAFT_SIM_LOST && (!run->drains || device->is_uncertain))
        updraft_sim_schedule_put(&run->schedule, device);
}

static void measure(struct updraft_sim_run *run, const struct updraft_sim_device *device,
                    const struct updraft_sim_result *result)
{
    enum updraft_sim_what what = result->request->what;

    run->bytes += result->body_len;
    if (result->status == 0) {
        run->unanswered++;
        return;
    }
    run->refused += result->status >= 400;
    if (result->is_whole)
        what = UPDRAFT_SIM_WHAT_IMAGE; /* the answer to a question may be the image itself */
    updraft_latency_add(&run->latency[device->kind][what], result->us);
}

static void take_answer(void *ctx, const struct updraft_sim_result *result)
{
    struct updraft_sim_run *run = ctx;
    struct updraft_sim_device *device = result->tag;
    const bool was_settled = device->is_settled;
    struct updraft_sim_offer offer = {.version = ""};
    struct updraft_sim_answer answer = {.status = result->status,
                                        .version = offer.version,
                                        .url = offer.url,
                                        .is_whole = result->is_whole,
                                        .retry_after_s =
                                            result->retry_after_s * run->options->speed};

    measure(run, device, result);
    const bool asks = device->step <= UPDRAFT_SIM_LOOK ||
                      (device->kind == UPDRAFT_SIM_CHECK && device->step != UPDRAFT_SIM_FETCH);
    if (asks && result->status == 200)
        updraft_sim_wire_offer(result->request, device, result->text, result->version, &offer);
    answer.work = offer.work;
    answer.action = offer.action;
    updraft_sim_device_answer(device, run->fleet.world, &answer, sim_ms(run));
    run->settled += (uint32_t)device->is_settled - (uint32_t)was_settled;
    put_back(run, device);
}

/* Sends for all whose turn it is, as far as there is room. */
static void send_due(struct updraft_sim_run *run)
{
    const uint64_t now_ms = sim_ms(run);

    while (updraft_sim_schedule_due_ms(&run->schedule) <= now_ms) {
        struct updraft_sim_request *request = updraft_sim_traffic_room(run->traffic);
        if (!request)
            return;
        struct updraft_sim_device *device = updraft_sim_schedule_take(&run->schedule);
        if (device->step == UPDRAFT_SIM_RESTART) {
            const bool was_settled = device->is_settled;
            updraft_sim_device_restart(device, run->fleet.world, now_ms);
            run->settled += (uint32_t)device->is_settled - (uint32_t)was_settled;
            put_back(run, device);
            continue;
        }
        updraft_sim_wire_request(device, run->fleet.world, run->server->url, request);
        run->sent++;
        updraft_sim_traffic_start(run->traffic, device);
    }
}

/* --- the line that shows how it goes --- */

void updraft_sim_run_count(const struct updraft_sim_run *run, struct updraft_sim_totals *totals)
{
    memset(totals, 0, sizeof *totals);
    for (uint32_t i = 0; i < run->fleet.count; i++) {
        const struct updraft_sim_device *device = &run->fleet.devices[i];

        totals->settled += device->is_settled;
        totals->silent += device->went_silent;
        totals->lost += device->step == UPDRAFT_SIM_LOST && !device->went_silent;
        totals->begun += device->book.begun;
        for (size_t state = 0; state < UPDRAFT_SIM_STATE_COUNT; state++)
            totals->ends[state] += device->book.ends[state];
    }
}

static void look(struct updraft_sim_run *run)
{
    const uint64_t now_ms = updraft_progress_now_ms();

    if (now_ms < run->looked_ms + LOOK_MS)
        return;
    run->looked_ms = now_ms;
    updraft_sim_rollout_look(&run->rollout, run->server, run->fleet.world);
}

static void show(struct updraft_sim_run *run)
{
    const bool on_tty = isatty(STDERR_FILENO) != 0;
    const uint64_t now_ms = updraft_progress_now_ms();
    struct updraft_sim_totals totals;
    char rollout[512];

    if (run->cli->quiet || now_ms < run->shown_ms + (on_tty ? SHOW_TTY_MS : SHOW_LINES_MS))
        return;
    run->shown_ms = now_ms;
    updraft_sim_run_count(run, &totals);
    updraft_sim_rollout_line(run->rollout.json, rollout, sizeof rollout);
    const uint64_t seconds = (now_ms - run->began_ms) / 1000;
    fprintf(
        stderr,
        "%s%llu:%02llu  %u of %u settled; updates: %u begun, %u confirmed, %u rolled back, "
        "%u failed; %llu requests, %llu unanswered%s%s%s",
        on_tty ? "\r" : "", (unsigned long long)(seconds / 60), (unsigned long long)(seconds % 60),
        (unsigned)totals.settled, (unsigned)run->fleet.count, (unsigned)totals.begun,
        (unsigned)totals.ends[UPDRAFT_SIM_CONFIRMED],
        (unsigned)totals.ends[UPDRAFT_SIM_ROLLED_BACK], (unsigned)totals.ends[UPDRAFT_SIM_FAILED],
        (unsigned long long)run->sent, (unsigned long long)run->unanswered, rollout[0] ? "; " : "",
        rollout, on_tty ? "\033[K" : "\n");
}

/* --- the loop --- */

static bool goes_on(const struct updraft_sim_run *run)
{
    if (interrupted || sim_ms(run) >= run->options->duration_ms)
        return false;
    return !run->options->until_settled || run->settled < run->fleet.count || run->rollout.is_open;
}

/* What is under way ends; what was never answered is sent until it is, so that the truth is known.
 * Everyone else stays as he is. */
static void drain(struct updraft_sim_run *run)
{
    const uint64_t deadline_ms = updraft_progress_now_ms() + DRAIN_MS;
    unsigned under_way = updraft_sim_traffic_run(run->traffic, 0);

    while (under_way > 0 && updraft_progress_now_ms() < deadline_ms)
        under_way = updraft_sim_traffic_run(run->traffic, (int)WAIT_MOST_MS);
    run->drains = true;
    run->schedule.count = 0;
    for (uint32_t i = 0; i < run->fleet.count; i++)
        put_back(run, &run->fleet.devices[i]);
    while ((run->schedule.count > 0 || under_way > 0) && updraft_progress_now_ms() < deadline_ms) {
        send_due(run);
        under_way = updraft_sim_traffic_run(run->traffic, (int)WAIT_MOST_MS / 10);
    }
}

void updraft_sim_run_go(struct updraft_sim_run *run)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;

    interrupted = 0;
    sigaction(SIGINT, &action, &before);
    run->began_ms = updraft_progress_now_ms();
    run->shown_ms = run->began_ms;
    while (goes_on(run)) {
        send_due(run);
        uint64_t wait_ms = until_ms(run, updraft_sim_schedule_due_ms(&run->schedule));
        wait_ms = wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
        (void)updraft_sim_traffic_run(run->traffic, (int)wait_ms);
        look(run);
        show(run);
    }
    run->ended_ms = updraft_progress_now_ms();
    drain(run);
    if (!run->cli->quiet && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    sigaction(SIGINT, &before, NULL);
}

/* --- memory --- */

enum updraft_exit updraft_sim_run_open(struct updraft_sim_run *run)
{
    const struct updraft_sim_options *options = run->options;
    const struct updraft_sim_traffic_config config = {.parallel = options->parallel,
                                                      .keep_alive = options->keep_alive,
                                                      .sample_len = options->sample_len,
                                                      .done = take_answer,
                                                      .ctx = run};

    run->fleet.world = &options->world;
    run->fleet.count = options->devices;
    run->fleet.devices = calloc(options->devices, sizeof *run->fleet.devices);
    run->schedule.heap = calloc(options->devices, sizeof(struct updraft_sim_device *));
    run->traffic = updraft_sim_traffic_open(&config);
    if (!run->fleet.devices || !run->schedule.heap || !run->traffic)
        return updraft_fail_set(&run->cli->fail, UPDRAFT_EXIT_FAILED, "no_memory",
                                "Simulate fewer devices.", "there is not enough memory");
    for (uint32_t i = 0; i < options->devices; i++) {
        updraft_sim_device_init(&run->fleet.devices[i], run->fleet.world, i,
                                updraft_sim_options_kind(options, i), options->from);
        updraft_sim_schedule_put(&run->schedule, &run->fleet.devices[i]);
    }
    return UPDRAFT_EXIT_OK;
}

void updraft_sim_run_close(struct updraft_sim_run *run)
{
    if (run->traffic)
        updraft_sim_traffic_close(run->traffic);
    updraft_sim_rollout_end(&run->rollout);
    free(run->fleet.devices);
    free(run->schedule.heap);
}
