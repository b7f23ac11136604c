/* updraft devices, releases, channels, channels set */
#include "cli/out.h"
#include "cli/server.h"

#include <stdio.h>
#include <string.h>

static const struct updraft_option options[] = {UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option device_options[] = {
    {"filter", 0, "TERMS", "only those that it takes, like 'group=garage version<1.2'"},
    {"product", 0, "NAME", "only of this product"},
    {"channel", 0, "NAME", "only on this channel"},
    {"state", 0, "STATE", "only in this state, like failed"},
    {"sort", 0, "KEY",
     "id, name, version, product, group, state or last_seen; -KEY turns it round"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

/* "filter=...&sort=...", or "". */
static bool make_query(const struct updraft_cli *cli, char *query, size_t cap)
{
    static const char *const names[] = {"filter", "product", "channel", "state", "sort"};
    size_t used = 0;

    query[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = updraft_args_value(&cli->args, names[i]);
        char escaped[512];

        if (!value)
            continue;
        if (!updraft_http_escape(value, escaped, sizeof escaped) ||
            used + strlen(names[i]) + strlen(escaped) + 3 > cap)
            return false;
        used += (size_t)snprintf(query + used, cap - used, "%s%s=%s", used ? "&" : "", names[i],
                                 escaped);
    }
    return true;
}

/* All pages, as one list. */
static enum updraft_exit fetch_devices(struct updraft_cli *cli, cJSON *result)
{
    char query[1024], path[1100];

    if (!make_query(cli, query, sizeof query))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Shorten it.",
                                "the filter is too long");
    snprintf(path, sizeof path, "/api/v1/devices%s%s", query[0] ? "?" : "", query);
    enum updraft_exit exit = updraft_server_fetch(cli, path, NULL, result);
    cJSON *all = cJSON_GetObjectItemCaseSensitive(result, "devices");
    cJSON *next = cJSON_DetachItemFromObjectCaseSensitive(result, "next");

    double seen = 0;

    /* A cursor that does not move on would be asked for ever. */
    while (exit == UPDRAFT_EXIT_OK && cJSON_IsArray(all) && cJSON_IsNumber(next) &&
           next->valuedouble > seen) {
        cJSON *page = cJSON_CreateObject();

        snprintf(path, sizeof path, "/api/v1/devices?after=%.0f%s%s", next->valuedouble,
                 query[0] ? "&" : "", query);
        seen = next->valuedouble;
        exit = updraft_server_fetch(cli, path, NULL, page);
        cJSON *list = cJSON_GetObjectItemCaseSensitive(page, "devices");
        while (list && list->child)
            cJSON_AddItemToArray(all, cJSON_DetachItemViaPointer(list, list->child));
        cJSON_Delete(next);
        next = cJSON_DetachItemFromObjectCaseSensitive(page, "next");
        cJSON_Delete(page);
    }
    cJSON_Delete(next);
    return exit;
}

static enum updraft_exit run_devices(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = fetch_devices(cli, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list devices");
}

static void show_devices(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"device", "id", UPDRAFT_OUT_PLAIN},
        {"name", "name", UPDRAFT_OUT_PLAIN},
        {"product", "product", UPDRAFT_OUT_PLAIN},
        {"chip", "chip", UPDRAFT_OUT_PLAIN},
        {"group", "group", UPDRAFT_OUT_PLAIN},
        {"tags", "tags", UPDRAFT_OUT_LIST},
        {"runs", "version", UPDRAFT_OUT_PLAIN},
        {"slot", "slot", UPDRAFT_OUT_PLAIN},
        {"state", "state", UPDRAFT_OUT_PLAIN},
        {"target", "target", UPDRAFT_OUT_PLAIN},
        {"seen", "last_seen", UPDRAFT_OUT_AGO},
        {"update", "attempt.state", UPDRAFT_OUT_PLAIN},
        {"why", "attempt.error.text", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "devices");

    (void)cli;
    if (list)
        updraft_out_table(list, columns, "No device has been seen yet.");
}

static enum updraft_exit run_releases(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/releases", NULL, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list releases");
}

/* One line per image: a release has one for each chip. */
static void show_releases(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"product", "product", UPDRAFT_OUT_PLAIN},
        {"version", "version", UPDRAFT_OUT_PLAIN},
        {"chip", "chip", UPDRAFT_OUT_PLAIN},
        {"bytes", "size", UPDRAFT_OUT_BYTES},
        {"IDF", "idf", UPDRAFT_OUT_PLAIN},
        {"channels", "channels", UPDRAFT_OUT_LIST},
        {"published", "created", UPDRAFT_OUT_AGO},
        {"notes", "notes", UPDRAFT_OUT_PLAIN},
        {0},
    };
    static const char *const shared[] = {"product", "version", "channels", "created", "notes"};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "releases");
    cJSON *rows = cJSON_CreateArray();
    const cJSON *release;
    const cJSON *image;

    (void)cli;
    cJSON_ArrayForEach(release, list)
    {
        cJSON_ArrayForEach(image, cJSON_GetObjectItemCaseSensitive(release, "images"))
        {
            cJSON *row = cJSON_Duplicate(image, true);

            for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
                cJSON_AddItemToObject(
                    row, shared[i],
                    cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(release, shared[i]), true));
            cJSON_AddItemToArray(rows, row);
        }
    }
    if (list)
        updraft_out_table(rows, columns, "Nothing has been published yet.");
    cJSON_Delete(rows);
}

static enum updraft_exit run_channels(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/channels", NULL, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list channels");
}

static void show_channels(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"product", "product", UPDRAFT_OUT_PLAIN},
        {"channel", "name", UPDRAFT_OUT_PLAIN},
        {"offers", "version", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "channels");

    (void)cli;
    if (list)
        updraft_out_table(list, columns, "There is no channel yet; 'updraft publish' makes one.");
}

static enum updraft_exit run_set(struct updraft_cli *cli, cJSON *result)
{
    const char *const *words = cli->args.positional;
    cJSON *body = cJSON_CreateObject();
    struct updraft_server server;
    char product[192];
    char name[192];
    char path[448];
    cJSON *answer = NULL;
    char *text;
    enum updraft_exit exit = updraft_server_open(cli, &server);

    if (exit == UPDRAFT_EXIT_OK && (!updraft_http_escape(words[0], product, sizeof product) ||
                                    !updraft_http_escape(words[1], name, sizeof name)))
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Names are short.",
                                "the product's or the channel's name is too long");
    cJSON_AddStringToObject(body, "version", words[2]);
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    if (exit == UPDRAFT_EXIT_OK) {
        const struct updraft_http_request request = {.method = "PUT",
                                                     .body = (const uint8_t *)text,
                                                     .body_len = strlen(text),
                                                     .content_type = "application/json"};

        snprintf(path, sizeof path, "/api/v1/channels/%s/%s", product, name);
        exit = updraft_server_call(cli, &server, path, &request, &answer);
    }
    cJSON_free(text);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot set channel %s of %s", words[1],
                                 words[0]);
    updraft_json_move(answer, result);
    cJSON_Delete(answer);
    return exit;
}

static void show_set(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && result->child)
        printf("Channel %s of %s offers %s now.\n", cli->args.positional[1],
               cli->args.positional[0], cli->args.positional[2]);
}

const struct updraft_command updraft_command_devices = {
    .name = "devices",
    .summary = "the devices the server has seen, and how their updates went",
    .usage = "[--filter TERMS] [--state STATE] [--sort KEY]",
    .about = "What each device runs, in which slot, whether it is confirmed, what it should run, "
             "and the\n"
             "state of its newest update. 'updraft devices set' names, groups and tags them.\n",
    .examples = "  updraft devices\n"
                "  updraft devices --filter 'group=garage version<1.2' --sort -last_seen\n"
                "  updraft devices --json --server http://127.0.0.1:8080\n",
    .options = device_options,
    .run = run_devices,
    .show = show_devices,
};

const struct updraft_command updraft_command_releases = {
    .name = "releases",
    .summary = "what has been published",
    .usage = "[--server URL] [--token TEXT]",
    .about = "One line per image: a release has one for each chip.\n",
    .examples = "  updraft releases\n"
                "  updraft releases --json\n",
    .options = options,
    .run = run_releases,
    .show = show_releases,
};

const struct updraft_command updraft_command_channels = {
    .name = "channels",
    .summary = "which version each channel offers",
    .usage = "[--server URL] [--token TEXT]",
    .about = "A device follows one channel of its product and is offered that channel's version.\n"
             "'updraft channels set' changes it.\n",
    .examples = "  updraft channels\n"
                "  updraft channels --json\n",
    .options = options,
    .run = run_channels,
    .show = show_channels,
};

const struct updraft_command updraft_command_channels_set = {
    .name = "channels set",
    .summary = "let a channel offer another published version",
    .usage = "PRODUCT NAME VERSION",
    .about = "The version must have been published. Devices of the channel are offered it at their "
             "next\n"
             "check.\n",
    .examples = "  updraft channels set garage stable 1.1.0\n"
                "  updraft channels set garage beta 1.2.0-rc1 --json\n",
    .options = options,
    .positional_min = 3,
    .positional_max = 3,
    .run = run_set,
    .show = show_set,
};
