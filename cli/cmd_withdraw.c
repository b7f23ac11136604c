/* updraft releases withdraw, releases prune */
#include "cli/out.h"
#include "cli/server.h"

#include <stdio.h>
#include <string.h>

static const struct updraft_option options[] = {UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option prune_options[] = {
    {"keep", 0, "N", "the newest releases of the product that stay in any case (default 5)"},
    {"dry-run", 0, NULL, "only say which would be tried"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

static enum updraft_exit withdraw(struct updraft_cli *cli, const struct updraft_server *server,
                                  const char *product, const char *version, cJSON **answer)
{
    const struct updraft_http_request request = {.method = "DELETE"};
    char product_text[256], version_text[256], path[640];

    if (!updraft_http_escape(product, product_text, sizeof product_text) ||
        !updraft_http_escape(version, version_text, sizeof version_text))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Names and versions are short.",
                                "the product's name or the version is too long");
    snprintf(path, sizeof path, "/api/v1/releases?product=%s&version=%s", product_text,
             version_text);
    return updraft_server_call(cli, server, path, &request, answer);
}

static enum updraft_exit run_withdraw(struct updraft_cli *cli, cJSON *result)
{
    const char *const *words = cli->args.positional;
    struct updraft_server server;
    cJSON *answer = NULL;
    enum updraft_exit exit = updraft_server_open(cli, &server);

    if (exit == UPDRAFT_EXIT_OK)
        exit = withdraw(cli, &server, words[0], words[1], &answer);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot withdraw %.64s %.32s", words[0],
                                 words[1]);
    updraft_json_move(answer, result);
    cJSON_Delete(answer);
    return exit;
}

static void show_withdraw(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && result->child)
        printf("The images of %s %s are withdrawn; publish the same files to bring them back.\n",
               cli->args.positional[0], cli->args.positional[1]);
}

/* Whether there is a file left that could go. */
static bool has_file(const cJSON *release)
{
    const cJSON *image;

    cJSON_ArrayForEach(image, cJSON_GetObjectItemCaseSensitive(release, "images"))
    {
        if (cJSON_GetObjectItemCaseSensitive(image, "withdrawn") == NULL)
            return true;
    }
    return false;
}

/* One more row: what became of the release. That somebody needs it is no failure of the whole. */
static enum updraft_exit prune_one(struct updraft_cli *cli, const struct updraft_server *server,
                                   const cJSON *release, cJSON *rows)
{
    const char *product = cli->args.positional[0], *version = updraft_json_text(release, "version");
    const char *outcome = "withdrawn";
    cJSON *answer = NULL;
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    if (updraft_args_has(&cli->args, "dry-run"))
        outcome = "would be tried";
    else
        exit = withdraw(cli, server, product, version, &answer);
    bool answered = answer != NULL;
    cJSON_Delete(answer);
    if (exit == UPDRAFT_EXIT_REFUSED && strcmp(cli->fail.code, "release_needed") == 0) {
        outcome = cli->fail.message;
        exit = UPDRAFT_EXIT_OK;
    }
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "version", version);
        cJSON_AddBoolToObject(row, "withdrawn", answered);
        cJSON_AddStringToObject(row, "outcome", outcome);
        cJSON_AddItemToArray(rows, row);
    }
    return exit;
}

static enum updraft_exit run_prune(struct updraft_cli *cli, cJSON *result)
{
    const char *product = cli->args.positional[0];
    struct updraft_server server;
    const cJSON *release;
    cJSON *answer = NULL, *rows = cJSON_AddArrayToObject(result, "releases");
    uint32_t keep = 5, met = 0;
    enum updraft_exit exit = updraft_args_u32(cli, "keep", 0, 100000, &keep);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_open(cli, &server);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_call(cli, &server, "/api/v1/releases", NULL, &answer);
    cJSON_ArrayForEach(release, cJSON_GetObjectItemCaseSensitive(answer, "releases"))
    {
        if (exit != UPDRAFT_EXIT_OK || strcmp(updraft_json_text(release, "product"), product) != 0)
            continue;
        if (met++ >= keep && has_file(release))
            exit = prune_one(cli, &server, release, rows);
    }
    cJSON_Delete(answer);
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot prune %.64s", product);
}

static void show_prune(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"release", "version", UPDRAFT_OUT_PLAIN},
        {"what became of it", "outcome", UPDRAFT_OUT_PLAIN},
        {0},
    };

    if (!cli->quiet)
        updraft_out_table(cJSON_GetObjectItemCaseSensitive(result, "releases"), columns,
                          "No release is old enough.");
}

const struct updraft_command updraft_command_releases_withdraw = {
    .name = "releases withdraw",
    .summary = "delete the images of a release that nobody needs",
    .usage = "PRODUCT VERSION",
    .about = "The server refuses while a channel or an unfinished rollout names the release, or a "
             "device runs it\n"
             "or is on its way to it. The release stays in the books; publishing the same files "
             "brings it back.\n",
    .examples = "  updraft releases withdraw garage 1.0.0\n",
    .options = options,
    .positional_min = 2,
    .positional_max = 2,
    .run = run_withdraw,
    .show = show_withdraw,
};

const struct updraft_command updraft_command_releases_prune = {
    .name = "releases prune",
    .summary = "withdraw the old releases of a product that nobody needs",
    .usage = "PRODUCT [--keep N] [--dry-run]",
    .about = "Tries all but the newest N; those that somebody needs stay, and it says why. Good "
             "for a nightly\n"
             "job: exit code 0 also when some had to stay.\n",
    .examples = "  updraft releases prune garage --keep 10\n"
                "  updraft releases prune garage --keep 3 --dry-run\n",
    .options = prune_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_prune,
    .show = show_prune,
};
