/* updraft simulate: a fleet without hardware */
#include "cli/out.h"
#include "cli/sample.h"
#include "cli/simulate/run.h"
#include "format/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- something to update to --- */

/* A package of an installer; the server looks at its first bytes only. */
static enum updraft_exit make_package(const struct updraft_sim_options *options,
                                      struct updraft_file *file, struct updraft_fail *fail)
{
    static const char magic[] = "070702"; /* of a cpio archive with checksums, as a .swu is one */
    uint32_t noise = 1;

    file->len = options->image_len;
    file->data = malloc(file->len);
    if (!file->data)
        return updraft_fail_set(fail, UPDRAFT_EXIT_FAILED, "no_memory", "Give a smaller size.",
                                "there is not enough memory");
    for (const char *c = options->publish; *c; c++)
        noise = noise * 31 + (unsigned char)*c;
    for (size_t i = 0; i < file->len; i++) {
        noise = noise * 1664525u + 1013904223u;
        file->data[i] = (uint8_t)(noise >> 24);
    }
    memcpy(file->data, magic, sizeof magic - 1);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit make_image(const struct updraft_sim_options *options, const char *chip,
                                    struct updraft_file *file, struct updraft_fail *fail)
{
    const struct updraft_sample sample = {.chip = updraft_chip_by_name(chip),
                                          .version = options->publish,
                                          .project = options->world.product,
                                          .size = options->image_len,
                                          .slot_addr = UPDRAFT_SAMPLE_SLOT_ADDR};

    return sample.chip ? updraft_sample_make(&sample, file, fail)
                       : make_package(options, file, fail);
}

static enum updraft_exit publish_image(struct updraft_cli *cli, const struct updraft_server *server,
                                       const struct updraft_sim_options *options, const char *chip)
{
    char version[3 * UPDRAFT_SIM_VERSION_CAP], product[200], channel[200], path[600];
    const bool is_package = !updraft_chip_by_name(chip);
    struct updraft_file file = {0};
    cJSON *answer = NULL;
    enum updraft_exit exit;

    if (!updraft_http_escape(options->publish, version, sizeof version) ||
        !updraft_http_escape(options->world.product, product, sizeof product) ||
        !updraft_http_escape(options->world.channel, channel, sizeof channel))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Give shorter ones.",
                                "a name or the version is too long");
    exit = make_image(options, chip, &file, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    snprintf(path, sizeof path, "/api/v1/%s?channel=%s&product=%s&version=%s%s%s",
             is_package ? "packages" : "releases", channel, product, version,
             is_package ? "" : "&chip=", is_package ? "" : chip);
    const struct updraft_http_request request = {.method = "POST",
                                                 .body = file.data,
                                                 .body_len = file.len,
                                                 .content_type = "application/octet-stream",
                                                 .expect_continue = true};
    exit = updraft_server_call(cli, server, path, &request, &answer);
    updraft_file_free(&file);
    cJSON_Delete(answer);
    return exit;
}

/* One for each chip of the mix. */
static enum updraft_exit publish(struct updraft_cli *cli, const struct updraft_server *server,
                                 const struct updraft_sim_options *options)
{
    const char *done[UPDRAFT_SIM_KIND_COUNT] = {NULL};
    size_t count = 0;

    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++) {
        const char *chip = updraft_sim_kinds[i].chip;
        size_t at = 0;
        if (options->weights[i] == 0)
            continue;
        while (at < count && strcmp(done[at], chip) != 0)
            at++;
        if (at < count)
            continue;
        const enum updraft_exit exit = publish_image(cli, server, options, chip);
        if (exit != UPDRAFT_EXIT_OK)
            return updraft_fail_wrap(&cli->fail, exit, "cannot publish %s for the %s",
                                     options->publish, chip);
        done[count++] = chip;
    }
    return UPDRAFT_EXIT_OK;
}

/* A fleet for which there is nothing would only ask in vain. */
static enum updraft_exit find_channel(struct updraft_cli *cli, const struct updraft_server *server,
                                      const struct updraft_sim_options *options)
{
    cJSON *answer = NULL;
    const cJSON *channel;
    bool is_there = false;
    const enum updraft_exit exit =
        updraft_server_call(cli, server, "/api/v1/channels", NULL, &answer);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(answer, "channels"))
    {
        is_there =
            is_there || (!strcmp(updraft_json_text(channel, "product"), options->world.product) &&
                         !strcmp(updraft_json_text(channel, "name"), options->world.channel));
    }
    cJSON_Delete(answer);
    if (is_there)
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_REFUSED, "nothing_published",
                            "Add --publish 2.0.0 to have sample images made and published, or name "
                            "a product and a channel of yours with --product and --channel.",
                            "%s has no channel %s", options->world.product, options->world.channel);
}

/* --- the result --- */

static void add_mix(const struct updraft_sim_run *run, cJSON *result)
{
    uint32_t counts[UPDRAFT_SIM_KIND_COUNT] = {0};
    cJSON *mix = cJSON_AddObjectToObject(result, "mix");

    for (uint32_t i = 0; i < run->fleet.count; i++)
        counts[run->fleet.devices[i].kind]++;
    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++)
        if (counts[i])
            cJSON_AddNumberToObject(mix, updraft_sim_kinds[i].name, counts[i]);
}

/* What is installed, by version; few enough to be found by walking. */
static void add_versions(const struct updraft_sim_run *run, cJSON *truth)
{
    cJSON *versions = cJSON_AddObjectToObject(truth, "versions");

    for (uint32_t i = 0; i < run->fleet.count; i++) {
        const char *runs = run->fleet.devices[i].runs;
        cJSON *count = cJSON_GetObjectItemCaseSensitive(versions, runs);
        if (count)
            cJSON_SetNumberValue(count, count->valuedouble + 1);
        else
            cJSON_AddNumberToObject(versions, runs, 1);
    }
}

static void add_truth(const struct updraft_sim_run *run, cJSON *result)
{
    static const enum updraft_sim_state ends[] = {UPDRAFT_SIM_CONFIRMED, UPDRAFT_SIM_ROLLED_BACK,
                                                  UPDRAFT_SIM_FAILED};
    cJSON *truth = cJSON_AddObjectToObject(result, "truth");
    struct updraft_sim_totals totals;

    updraft_sim_run_count(run, &totals);
    cJSON_AddNumberToObject(truth, "settled", totals.settled);
    cJSON_AddNumberToObject(truth, "silent", totals.silent);
    cJSON_AddNumberToObject(truth, "lost", totals.lost);
    cJSON *updates = cJSON_AddObjectToObject(truth, "updates");
    cJSON_AddNumberToObject(updates, "begun", totals.begun);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        cJSON_AddNumberToObject(updates, updraft_sim_state_names[ends[i]], totals.ends[ends[i]]);
    add_versions(run, truth);
}

static void add_requests(const struct updraft_sim_run *run, cJSON *result)
{
    const double seconds = (double)(run->ended_ms - run->began_ms) / 1000;
    cJSON *requests = cJSON_AddObjectToObject(result, "requests");

    cJSON_AddNumberToObject(result, "seconds", seconds);
    cJSON_AddNumberToObject(requests, "sent", (double)run->sent);
    cJSON_AddNumberToObject(requests, "unanswered", (double)run->unanswered);
    cJSON_AddNumberToObject(requests, "refused", (double)run->refused);
    cJSON_AddNumberToObject(requests, "bytes", (double)run->bytes);
    cJSON_AddNumberToObject(requests, "per_second",
                            seconds > 0 ? (double)(uint64_t)((double)run->sent / seconds) : 0);
}

static void add_row(cJSON *rows, const char *kind, const char *what,
                    const struct updraft_latency *latency)
{
    static const struct {
        const char *key;
        unsigned pct;
    } columns[] = {{"p50_ms", 50}, {"p90_ms", 90}, {"p99_ms", 99}};
    cJSON *row = cJSON_CreateObject();

    cJSON_AddStringToObject(row, "kind", kind);
    cJSON_AddStringToObject(row, "request", what);
    cJSON_AddNumberToObject(row, "count", (double)latency->count);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        cJSON_AddNumberToObject(row, columns[i].key,
                                (double)updraft_latency_us(latency, columns[i].pct) / 1000);
    cJSON_AddNumberToObject(row, "max_ms", (double)latency->most_us / 1000);
    cJSON_AddItemToArray(rows, row);
}

static void add_latency(const struct updraft_sim_run *run, cJSON *result)
{
    cJSON *rows = cJSON_AddArrayToObject(result, "latency");

    for (size_t kind = 0; kind < UPDRAFT_SIM_KIND_COUNT; kind++)
        for (size_t what = 0; what < UPDRAFT_SIM_WHAT_COUNT; what++)
            if (run->latency[kind][what].count)
                add_row(rows, updraft_sim_kinds[kind].name, updraft_sim_what_names[what],
                        &run->latency[kind][what]);
}

static void add_books(const struct updraft_sim_comparison *comparison, cJSON *result)
{
    cJSON *books = cJSON_AddObjectToObject(result, "books");

    cJSON_AddNumberToObject(books, "compared", comparison->compared);
    cJSON_AddNumberToObject(books, "uncertain", comparison->uncertain);
    cJSON_AddNumberToObject(books, "confirmed", comparison->ends[UPDRAFT_SIM_CONFIRMED]);
    cJSON_AddNumberToObject(books, "rolled_back", comparison->ends[UPDRAFT_SIM_ROLLED_BACK]);
    cJSON_AddNumberToObject(books, "failed", comparison->ends[UPDRAFT_SIM_FAILED]);
    cJSON_AddNumberToObject(books, "differences", comparison->differences);
    cJSON_AddItemToObject(books, "list", comparison->list);
}

/* --- the command --- */

static enum updraft_exit judge(struct updraft_cli *cli, const struct updraft_sim_run *run,
                               const struct updraft_sim_comparison *comparison)
{
    if (comparison->differences > 0)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "books_differ",
                                "That is an error of the server, unless others changed the same "
                                "devices meanwhile. --json lists the first of them.",
                                "the server's books are wrong about %u of %u devices",
                                (unsigned)comparison->differences, (unsigned)comparison->compared);
    if (comparison->uncertain > 0)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_NETWORK, "unanswered",
                                "Look whether the server still runs, and what it logs.",
                                "%u devices got no answer to what they sent last",
                                (unsigned)comparison->uncertain);
    if (run->options->until_settled && run->settled < run->fleet.count)
        return updraft_fail_set(
            &cli->fail, UPDRAFT_EXIT_FAILED, "not_settled", "Give a longer --duration.",
            "the time was over before %u of %u devices had settled",
            (unsigned)(run->fleet.count - run->settled), (unsigned)run->fleet.count);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit simulate(struct updraft_sim_run *run, cJSON *result)
{
    struct updraft_sim_comparison comparison = {.list = NULL};
    struct updraft_cli *cli = run->cli;
    double last_attempt = 0;
    enum updraft_exit exit = updraft_sim_run_open(run);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_sim_books_adopt(cli, run->server, &run->fleet, &last_attempt);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    updraft_sim_run_go(run);
    cJSON_AddNumberToObject(result, "devices", run->fleet.count);
    cJSON_AddNumberToObject(result, "seed", (double)run->options->world.seed);
    add_mix(run, result);
    add_truth(run, result);
    add_requests(run, result);
    add_latency(run, result);
    updraft_sim_rollout_look(&run->rollout, run->server, run->fleet.world);
    if (run->rollout.json)
        cJSON_AddItemToObject(result, "rollout", cJSON_Duplicate(run->rollout.json, true));
    comparison.list = cJSON_CreateArray();
    exit = updraft_sim_books_compare(cli, run->server, &run->fleet, last_attempt, &comparison);
    if (exit != UPDRAFT_EXIT_OK) {
        cJSON_Delete(comparison.list);
        return updraft_fail_wrap(&cli->fail, exit, "cannot compare the books");
    }
    add_books(&comparison, result);
    return judge(cli, run, &comparison);
}

static enum updraft_exit run_simulate(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_sim_options options;
    struct updraft_server server;
    struct updraft_sim_run run = {.cli = cli, .options = &options, .server = &server};
    enum updraft_exit exit = updraft_sim_options_read(cli, &options);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_open(cli, &server);
    if (exit == UPDRAFT_EXIT_OK && options.publish)
        exit = publish(cli, &server, &options);
    if (exit == UPDRAFT_EXIT_OK)
        exit = find_channel(cli, &server, &options);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    exit = simulate(&run, result);
    updraft_sim_run_close(&run);
    return exit;
}

static unsigned number(const cJSON *object, const char *key)
{
    return (unsigned)updraft_json_number(object, key);
}

static void show_versions(const cJSON *versions)
{
    const cJSON *version;

    cJSON_ArrayForEach(version, versions)
    {
        char label[64];
        snprintf(label, sizeof label, "runs %s", version->string);
        updraft_out_fieldf(label, "%.0f devices", version->valuedouble);
    }
}

static void show_simulate(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column times[] = {
        {"kind", "kind", UPDRAFT_OUT_PLAIN},     {"request", "request", UPDRAFT_OUT_PLAIN},
        {"count", "count", UPDRAFT_OUT_PLAIN},   {"p50 ms", "p50_ms", UPDRAFT_OUT_PLAIN},
        {"p90 ms", "p90_ms", UPDRAFT_OUT_PLAIN}, {"p99 ms", "p99_ms", UPDRAFT_OUT_PLAIN},
        {"max ms", "max_ms", UPDRAFT_OUT_PLAIN}, {0}};
    static const struct updraft_out_column differences[] = {
        {"device", "device", UPDRAFT_OUT_PLAIN}, {"kind", "kind", UPDRAFT_OUT_PLAIN},
        {"what", "what", UPDRAFT_OUT_PLAIN},     {"truth", "truth", UPDRAFT_OUT_PLAIN},
        {"books", "books", UPDRAFT_OUT_PLAIN},   {0}};
    const cJSON *truth = cJSON_GetObjectItemCaseSensitive(result, "truth");
    const cJSON *updates = cJSON_GetObjectItemCaseSensitive(truth, "updates");
    const cJSON *requests = cJSON_GetObjectItemCaseSensitive(result, "requests");
    const cJSON *books = cJSON_GetObjectItemCaseSensitive(result, "books");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(books, "list");
    char rollout[512];

    (void)cli;
    if (!truth)
        return;
    updraft_out_fieldf("devices", "%u, of which %u settled, %u went silent, %u lost to a bad image",
                       number(result, "devices"), number(truth, "settled"), number(truth, "silent"),
                       number(truth, "lost"));
    updraft_out_fieldf("updates", "%u begun: %u confirmed, %u rolled back, %u failed",
                       number(updates, "begun"), number(updates, "confirmed"),
                       number(updates, "rolled_back"), number(updates, "failed"));
    show_versions(cJSON_GetObjectItemCaseSensitive(truth, "versions"));
    updraft_out_fieldf("requests", "%.0f in %.1f s, %u unanswered, %u refused, %.1f MB",
                       updraft_json_number(requests, "sent"),
                       updraft_json_number(result, "seconds"), number(requests, "unanswered"),
                       number(requests, "refused"), updraft_json_number(requests, "bytes") / 1e6);
    updraft_sim_rollout_line(cJSON_GetObjectItemCaseSensitive(result, "rollout"), rollout,
                             sizeof rollout);
    if (rollout[0])
        updraft_out_field("rollout", rollout);
    if (books)
        updraft_out_fieldf("books", "%u devices compared, %u differ", number(books, "compared"),
                           number(books, "differences"));
    printf("\n");
    updraft_out_table(cJSON_GetObjectItemCaseSensitive(result, "latency"), times,
                      "Nothing was answered.");
    if (cJSON_GetArraySize(list) > 0) {
        printf("\n");
        updraft_out_table(list, differences, "");
    }
}

const struct updraft_command updraft_command_simulate = {
    .name = "simulate",
    .summary = "a fleet without hardware: thousands of devices that ask the server",
    .usage = "[--devices N] [--publish VERSION] [--until-settled] [--server URL] [--token TEXT]",
    .about =
        "Each device asks as its real client does, fetches the image, checks it, restarts, and "
        "asks\n"
        "again. The kinds:\n"
        "\n"
        "  esp8266   ESP8266httpUpdate: version headers; it reports nothing, so the server takes "
        "a\n"
        "            question from the new version for a success\n"
        "  channel   channel descriptor and reports, as our own library: trial, confirm, roll "
        "back\n"
        "  check     our own check-in: all in one question; it may postpone\n"
        "  evse      channel descriptor as stock esp32-evse: without a name, so without books\n"
        "  ovms      version file and image of OVMS v3: likewise\n"
        "  ddi       hawkBit's interface, as SWUpdate: it tells whether it could install, not "
        "whether\n"
        "            that boots\n"
        "\n"
        "What happens to a device (a bad boot, a broken download, silence) depends on --seed, the\n"
        "device and the version alone. esp8266, evse and ovms have no way back: what does not\n"
        "boot there is lost, and never heard of again.\n"
        "\n"
        "A rollout of the product on that channel is shown while it runs; --until-settled waits "
        "for its\n"
        "end.\n"
        "\n"
        "At the end the server's books are compared with the truth, device by device: version,\n"
        "confirmed or not, state and target of the newest update, and how updates ended. Devices "
        "that\n"
        "the server knows from an earlier run go on where they were. It ends with 0 when the "
        "books\n"
        "are right, with 1 when they are wrong or --until-settled ran out of time. Ctrl-C ends it\n"
        "early, with the same comparison.\n",
    .examples =
        "  updraft simulate --devices 200 --publish 2.0.0 --until-settled --speed 10\n"
        "  updraft simulate --devices 10000 --mix channel --bad-boot 8% --fail 2% --silent 1%\n"
        "  updraft simulate --product garage --channel beta --poll 5m --duration 1h --json\n",
    .options = updraft_sim_option_table,
    .run = run_simulate,
    .show = show_simulate,
};
