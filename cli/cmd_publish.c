/* updraft publish FILE */
#include "cli/inspect.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/server.h"
#include "format/chip.h"
#include "format/package.h"

#include <stdio.h>
#include <string.h>

static const struct updraft_option options[] = {
    {"channel", 0, "NAME", "the channel that offers it from now on"},
    {"no-channel", 0, NULL, "offer it nowhere: for 'updraft rollout start'"},
    {"product", 0, "NAME", "the product it is for (default: the image's project)"},
    {"notes", 0, "TEXT", "what is new, for the dashboard"},
    {"version", 0, "TEXT", "the version, for an image that carries none"},
    {"chip", 0, "CHIP", "the chip, for an image that carries none"},
    {"board", 0, "NAME", "the board it is for (default: any of its chip)"},
    {"security", 0, NULL, "it closes a security hole"},
    {"cve", 0, "LIST", "which, parted by commas"},
    {"min-from", 0, "VERSION", "offer it only to devices that run this version or later"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

#define QUERY_CAP 2048u
#define VALUE_CAP 1536u

/* Adds "name=value", escaped; nothing when there is no value. */
static bool add_query(char *query, const char *name, const char *value)
{
    char escaped[VALUE_CAP];
    size_t len = strlen(query);

    if (!value)
        return true;
    if (!updraft_http_escape(value, escaped, sizeof escaped))
        return false;
    return snprintf(query + len, QUERY_CAP - len, "%c%s=%s", len ? '&' : '?', name, escaped) <
           (int)(QUERY_CAP - len);
}

static enum updraft_exit make_path(struct updraft_cli *cli, const char *kind, char *path,
                                   size_t path_cap)
{
    static const char *const names[] = {"channel", "product", "notes", "version",
                                        "chip",    "board",   "cve"};
    char query[QUERY_CAP] = "";
    bool ok = true;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!add_query(query, names[i], updraft_args_value(&cli->args, names[i])))
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                    "Shorten it to 500 characters.", "--%s is too long", names[i]);
    if (updraft_args_has(&cli->args, "security"))
        ok = add_query(query, "security", "true");
    ok = ok && add_query(query, "min_from", updraft_args_value(&cli->args, "min-from"));
    if (!ok)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Shorten them to 500 characters.", "the options are too long");
    snprintf(path, path_cap, "/api/v1/%s%s", kind, query);
    return UPDRAFT_EXIT_OK;
}

/* What the server needs to know and the image does not say. */
static enum updraft_exit check_facts(struct updraft_cli *cli,
                                     const struct updraft_inspection *image)
{
    const char *chip = updraft_args_value(&cli->args, "chip");

    if (!updraft_args_has(&cli->args, "version") && !image->info.appdesc.version[0])
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "no_descriptor",
                                "Give --version and --product.", "the image carries no version");
    if (!updraft_args_has(&cli->args, "product") && !image->info.appdesc.project[0])
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "no_descriptor", "Give --product.",
                                "the image carries no project name");
    if (chip && !updraft_chip_by_name(chip))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use a name like esp32 or esp32s3.", "there is no chip '%s'", chip);
    return UPDRAFT_EXIT_OK;
}

/* A package for an installer: it is the installer that looks into it. */
static enum updraft_exit check_package(struct updraft_cli *cli)
{
    if (!updraft_args_has(&cli->args, "version") || !updraft_args_has(&cli->args, "product"))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Give --version and --product.",
                                "a package is published under the names that you give it");
    return UPDRAFT_EXIT_OK;
}

/* Reads the file, says where it goes, and checks that nothing is missing for that. */
static enum updraft_exit prepare(struct updraft_cli *cli, struct updraft_file *file,
                                 struct updraft_inspection *image, const char **kind)
{
    const char *name = cli->args.positional[0];
    enum updraft_exit exit = updraft_file_read(name, file, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    memset(image, 0, sizeof *image);
    if (updraft_package_by_magic(file->data, file->len)) {
        *kind = "packages";
        return check_package(cli);
    }
    *kind = "releases";
    exit = updraft_inspect_wire(name, file, image, &cli->fail);
    return exit == UPDRAFT_EXIT_OK ? check_facts(cli, image) : exit;
}

static void count(void *ctx, uint64_t sent_len)
{
    updraft_progress_update(ctx, sent_len);
}

static enum updraft_exit send_image(struct updraft_cli *cli, const struct updraft_file *file,
                                    const char *path, cJSON **answer)
{
    struct updraft_progress progress;
    struct updraft_server server;
    const struct updraft_http_request request = {
        .method = "POST",
        .body = file->data,
        .body_len = file->len,
        .content_type = "application/octet-stream",
        .expect_continue = true,
        .progress = count,
        .ctx = &progress,
    };
    enum updraft_exit exit = updraft_server_open(cli, &server);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    updraft_progress_init(&progress, cli->quiet);
    updraft_progress_begin(&progress, "publishing", file->len);
    exit = updraft_server_call(cli, &server, path, &request, answer);
    updraft_progress_end(&progress);
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    const char *name = cli->args.positional[0];
    struct updraft_inspection image;
    struct updraft_file file = {0};
    const char *kind = NULL;
    cJSON *answer = NULL;
    char path[QUERY_CAP + 32];
    enum updraft_exit exit;

    if (updraft_args_has(&cli->args, "channel") == updraft_args_has(&cli->args, "no-channel"))
        return updraft_fail_set(
            &cli->fail, UPDRAFT_EXIT_USAGE, "usage",
            "Add --channel stable, or another name; or --no-channel, to roll it "
            "out in stages afterwards.",
            "'updraft publish' is not told one channel");
    exit = prepare(cli, &file, &image, &kind);
    if (exit == UPDRAFT_EXIT_OK)
        exit = make_path(cli, kind, path, sizeof path);
    if (exit != UPDRAFT_EXIT_OK) {
        updraft_file_free(&file);
        return exit;
    }
    exit = send_image(cli, &file, path, &answer);
    updraft_file_free(&file);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot publish %s",
                                 image.info.appdesc.version[0] ? image.info.appdesc.version : name);
    updraft_json_move(answer, result);
    cJSON_Delete(answer);
    return exit;
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *release = cJSON_GetObjectItemCaseSensitive(result, "release");

    if (!cli->quiet && release && updraft_args_has(&cli->args, "no-channel"))
        printf("%s %s for %s is published; no channel offers it yet.\n",
               updraft_json_text(release, "product"), updraft_json_text(release, "version"),
               updraft_json_text(result, "image.chip"));
    else if (!cli->quiet && release)
        printf("%s %s for %s is published; channel %s offers %s.\n",
               updraft_json_text(release, "product"), updraft_json_text(release, "version"),
               updraft_json_text(result, "image.chip"), updraft_json_text(result, "channel.name"),
               updraft_json_text(result, "channel.version"));
}

const struct updraft_command updraft_command_publish = {
    .name = "publish",
    .summary = "give an image to the server and offer it on a channel",
    .usage = "FILE --channel NAME|--no-channel [--product NAME] [--notes TEXT]",
    .about =
        "Checks the image first: a damaged one is not sent. Product, version and chip come from "
        "the\n"
        "image. One version may have one image per chip; publishing the same bytes again is fine,\n"
        "other bytes under the same version are refused.\n"
        "\n"
        "With --no-channel nobody is offered it yet: 'updraft rollout start' does that in stages.\n"
        "\n"
        "A package of SWUpdate (.swu) or RAUC (.raucb) is published as it is, under the --product\n"
        "and --version given; its installer fetches it as from hawkBit.\n",
    .examples = "  updraft publish build/garage.bin --channel stable\n"
                "  updraft publish garage.bin --channel beta --notes 'fixes the door sensor'\n"
                "  updraft publish garage.bin --channel stable --security --cve CVE-2026-1234\n"
                "  updraft publish garage-v2.bin --channel stable --board evse-v2 --min-from 1.5\n"
                "  updraft publish gateway.swu --channel stable --product gateway --version 2.1\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run,
    .show = show,
};
