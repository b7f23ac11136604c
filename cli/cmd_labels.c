/* updraft devices set, boards, boards set, releases set: what operators say of devices, hardware and
 * releases. */
#include "cli/out.h"
#include "cli/server.h"

#include <stdio.h>
#include <string.h>

static const struct updraft_option list_options[] = {UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option device_options[] = {
    {"filter", 0, "TERMS",
     "instead of devices: all that it takes, like 'group=garage version<1.2'"},
    {"product", 0, "NAME", "with --filter: only of this product"},
    {"name", 0, "TEXT", "what it is called here; '' takes it away"},
    {"group", 0, "NAME", "'' takes it away"},
    {"channel", 0, "NAME", "the channel it is to be on, whatever it asks for; '' leaves it to it"},
    {"tag", 0, "LIST", "tags to add, parted by commas"},
    {"untag", 0, "LIST", "tags to take away"},
    {"attribute", 0, "LIST", "of NAME=VALUE, parted by commas; 'NAME=' takes one away"},
    {"retry", 0, NULL, "what failed on it so far is not held against a release any more"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};
static const struct updraft_option board_options[] = {
    {"chip", 0, "CHIP", "like esp32s3"},
    {"layout", 0, "NAME", "the flash layout that its releases are built for; '' for any"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};
static const struct updraft_option release_options[] = {
    {"security", 0, "yes|no", "whether it closes a security hole"},
    {"cve", 0, "LIST", "which, parted by commas; '' for none"},
    {"min-from", 0, "VERSION", "offer it only to devices that run this or later; '' for any"},
    {"notes", 0, "TEXT", "what is new"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

static enum updraft_exit send_json(struct updraft_cli *cli, const char *method, const char *path,
                                   const cJSON *body, cJSON *result)
{
    char *text = cJSON_PrintUnformatted(body);
    const struct updraft_http_request request = {.method = method,
                                                 .body = (const uint8_t *)text,
                                                 .body_len = strlen(text),
                                                 .content_type = "application/json"};
    enum updraft_exit exit = updraft_server_fetch(cli, path, &request, result);

    cJSON_free(text);
    return exit;
}

/* "a,b" as a list. */
static void add_list(cJSON *body, const char *name, const char *text)
{
    cJSON *list = cJSON_AddArrayToObject(body, name);

    while (*text) {
        char word[256];
        size_t len = strcspn(text, ", ");

        snprintf(word, sizeof word, "%.*s", (int)len, text);
        if (len > 0)
            cJSON_AddItemToArray(list, cJSON_CreateString(word));
        text += len + (text[len] != '\0');
    }
}

static enum updraft_exit refuse(struct updraft_cli *cli, const char *remedy, const char *what)
{
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy, "%s", what);
}

/* --- devices set --- */

/* "site=hall 3,phase=2" as an object. */
static enum updraft_exit add_attributes(struct updraft_cli *cli, cJSON *body)
{
    const char *text = updraft_args_value(&cli->args, "attribute");
    cJSON *attributes = text ? cJSON_AddObjectToObject(body, "attributes") : NULL;

    while (text && *text) {
        char name[64], value[256];
        size_t len = strcspn(text, ","), name_len = strcspn(text, "=");

        if (name_len == 0 || name_len >= len || name_len >= sizeof name ||
            len - name_len > sizeof value)
            return refuse(cli, "Write --attribute 'site=hall 3,phase=2'.",
                          "an attribute is a name, '=' and a value");
        snprintf(name, sizeof name, "%.*s", (int)name_len, text);
        snprintf(value, sizeof value, "%.*s", (int)(len - name_len - 1), text + name_len + 1);
        cJSON_AddStringToObject(attributes, name, value);
        text += len + (text[len] != '\0');
    }
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit make_edit(struct updraft_cli *cli, cJSON *body)
{
    static const char *const texts[] = {"name", "group", "channel"};
    const struct updraft_args *args = &cli->args;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (updraft_args_has(args, texts[i]))
            cJSON_AddStringToObject(body, texts[i], updraft_args_value(args, texts[i]));
    if (updraft_args_has(args, "tag"))
        add_list(body, "add_tags", updraft_args_value(args, "tag"));
    if (updraft_args_has(args, "untag"))
        add_list(body, "remove_tags", updraft_args_value(args, "untag"));
    if (updraft_args_has(args, "retry"))
        cJSON_AddTrueToObject(body, "retry");
    enum updraft_exit exit = add_attributes(cli, body);
    if (exit == UPDRAFT_EXIT_OK && body->child == NULL)
        return refuse(cli, "Add --group, --tag, or another option of 'updraft devices set --help'.",
                      "it is not told what to change");
    return exit;
}

static enum updraft_exit choose(struct updraft_cli *cli, cJSON *body)
{
    const struct updraft_args *args = &cli->args;
    bool has_filter = updraft_args_has(args, "filter");

    if (has_filter == (args->positional_count > 0))
        return refuse(cli, "Name devices, or give --filter; --filter '' takes all of them.",
                      has_filter ? "it is told devices and a filter"
                                 : "it is not told which devices");
    if (has_filter) {
        cJSON_AddStringToObject(body, "filter", updraft_args_value(args, "filter"));
        if (updraft_args_has(args, "product"))
            cJSON_AddStringToObject(body, "product", updraft_args_value(args, "product"));
        return UPDRAFT_EXIT_OK;
    }
    cJSON *ids = cJSON_AddArrayToObject(body, "ids");
    for (size_t i = 0; i < args->positional_count; i++)
        cJSON_AddItemToArray(ids, cJSON_CreateString(args->positional[i]));
    return UPDRAFT_EXIT_OK;
}

static double number_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Slice by slice, until the server says that all was done. */
static enum updraft_exit run_slices(struct updraft_cli *cli, cJSON *body, double *matched,
                                    double *changed)
{
    double next = 0;

    do {
        cJSON *answer = cJSON_CreateObject();
        enum updraft_exit exit;

        cJSON_DeleteItemFromObjectCaseSensitive(body, "after");
        if (next > 0)
            cJSON_AddNumberToObject(body, "after", next);
        exit = send_json(cli, "POST", "/api/v1/devices/bulk", body, answer);
        if (exit != UPDRAFT_EXIT_OK) {
            cJSON_Delete(answer);
            return exit;
        }
        *matched += number_of(answer, "matched");
        *changed += number_of(answer, "changed");
        /* A cursor that does not move on would be asked for ever. */
        double last = next;
        next = number_of(answer, "next") > last ? number_of(answer, "next") : 0;
        cJSON_Delete(answer);
    } while (next > 0);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit run_devices_set(struct updraft_cli *cli, cJSON *result)
{
    cJSON *body = cJSON_CreateObject();
    double matched = 0, changed = 0;
    enum updraft_exit exit = make_edit(cli, body);

    if (exit == UPDRAFT_EXIT_OK)
        exit = choose(cli, body);
    if (exit == UPDRAFT_EXIT_OK)
        exit = run_slices(cli, body, &matched, &changed);
    cJSON_Delete(body);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot change devices");
    cJSON_AddNumberToObject(result, "matched", matched);
    cJSON_AddNumberToObject(result, "changed", changed);
    if (matched < (double)cli->args.positional_count)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_REFUSED, "device_not_found",
                                "List the known devices with 'updraft devices'.",
                                "the server knows only %.0f of these devices", matched);
    return UPDRAFT_EXIT_OK;
}

static void show_devices_set(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && result->child)
        printf("%.0f devices, %.0f changed.\n", number_of(result, "matched"),
               number_of(result, "changed"));
}

/* --- boards --- */

static enum updraft_exit run_boards(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/boards", NULL, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list boards");
}

static void show_boards(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"product", "product", UPDRAFT_OUT_PLAIN},
        {"board", "name", UPDRAFT_OUT_PLAIN},
        {"chip", "chip", UPDRAFT_OUT_PLAIN},
        {"layout", "layout", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "boards");

    (void)cli;
    if (list)
        updraft_out_table(list, columns, "There is no board yet; 'updraft boards set' makes one.");
}

/* "/api/v1/KIND/A/B" of the two first words. */
static enum updraft_exit make_path(struct updraft_cli *cli, const char *kind, char *path,
                                   size_t path_cap)
{
    char one[192], other[192];

    if (!updraft_http_escape(cli->args.positional[0], one, sizeof one) ||
        !updraft_http_escape(cli->args.positional[1], other, sizeof other))
        return refuse(cli, "Names are short.", "a name is too long");
    snprintf(path, path_cap, "/api/v1/%s/%s/%s", kind, one, other);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit run_boards_set(struct updraft_cli *cli, cJSON *result)
{
    static const char *const names[] = {"chip", "layout"};
    cJSON *body = cJSON_CreateObject();
    char path[448];
    enum updraft_exit exit = make_path(cli, "boards", path, sizeof path);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (updraft_args_has(&cli->args, names[i]))
            cJSON_AddStringToObject(body, names[i], updraft_args_value(&cli->args, names[i]));
    if (exit == UPDRAFT_EXIT_OK)
        exit = send_json(cli, "PUT", path, body, result);
    cJSON_Delete(body);
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot set board %s of %s",
                                   cli->args.positional[1], cli->args.positional[0]);
}

static void show_boards_set(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && result->child)
        printf("Board %s of %s: chip %s, layout %s.\n", updraft_json_text(result, "board.name"),
               updraft_json_text(result, "board.product"), updraft_json_text(result, "board.chip"),
               updraft_json_text(result, "board.layout"));
}

/* --- releases set --- */

static enum updraft_exit run_releases_set(struct updraft_cli *cli, cJSON *result)
{
    const struct updraft_args *args = &cli->args;
    const char *security = updraft_args_value(args, "security");
    cJSON *body = cJSON_CreateObject();
    char path[448];
    enum updraft_exit exit = make_path(cli, "releases", path, sizeof path);

    if (security && strcmp(security, "yes") != 0 && strcmp(security, "no") != 0)
        exit = refuse(cli, "Write --security yes, or no.", "--security takes yes or no");
    if (security)
        cJSON_AddBoolToObject(body, "security", security[0] == 'y');
    if (updraft_args_has(args, "cve"))
        add_list(body, "cves", updraft_args_value(args, "cve"));
    if (updraft_args_has(args, "min-from"))
        cJSON_AddStringToObject(body, "min_from", updraft_args_value(args, "min-from"));
    if (updraft_args_has(args, "notes"))
        cJSON_AddStringToObject(body, "notes", updraft_args_value(args, "notes"));
    if (exit == UPDRAFT_EXIT_OK)
        exit = send_json(cli, "PATCH", path, body, result);
    cJSON_Delete(body);
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot change release %s of %s",
                                   args->positional[1], args->positional[0]);
}

static void show_releases_set(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *release = cJSON_GetObjectItemCaseSensitive(result, "release");
    const cJSON *security = cJSON_GetObjectItemCaseSensitive(release, "security");

    if (!cli->quiet && release)
        printf("%s %s: %s, for devices from %s on.\n", updraft_json_text(release, "product"),
               updraft_json_text(release, "version"),
               cJSON_IsTrue(security) ? "a security release" : "no security release",
               cJSON_IsString(cJSON_GetObjectItemCaseSensitive(release, "min_from"))
                   ? updraft_json_text(release, "min_from")
                   : "any version");
}

const struct updraft_command updraft_command_devices_set = {
    .name = "devices set",
    .summary = "name, group, tag or assign devices, one or many",
    .usage = "DEVICE... | --filter TERMS  [--group NAME] [--tag LIST] [...]",
    .about = "What you say of devices: the server keeps it beside what they say themselves, and "
             "rollouts\n"
             "choose by it. A filter has terms that must all hold: id, name, version, chip, board, "
             "group, tag or\n"
             "attr.NAME, compared by = != ~ !~ and, for versions and attributes, < <= > >=.\n",
    .examples =
        "  updraft devices set 24:6F:28:00:00:01 --name 'Hall 3' --group garage --tag lab\n"
        "  updraft devices set --filter 'group=garage version<1.2' --tag old\n"
        "  updraft devices set 24:6F:28:00:00:01 --attribute 'site=hall 3,phase=2' --channel beta\n"
        "  updraft devices set 24:6F:28:00:00:01 --retry\n",
    .options = device_options,
    .positional_max = UPDRAFT_ARGS_POSITIONAL_ANY,
    .run = run_devices_set,
    .show = show_devices_set,
};

const struct updraft_command updraft_command_boards = {
    .name = "boards",
    .summary = "the hardware of each product",
    .usage = "[--server URL] [--token TEXT]",
    .about = "A board has a chip and a flash layout. An image may be published for one board; "
             "devices of\n"
             "other boards get the image for any board of their chip.\n",
    .examples = "  updraft boards\n"
                "  updraft boards --json\n",
    .options = list_options,
    .run = run_boards,
    .show = show_boards,
};

const struct updraft_command updraft_command_boards_set = {
    .name = "boards set",
    .summary = "make a board of a product, or change it",
    .usage = "PRODUCT BOARD [--chip CHIP] [--layout NAME]",
    .about = "A device that tells another flash layout than its board has is offered nothing: that "
             "would take\n"
             "a full flash over USB.\n",
    .examples = "  updraft boards set garage evse-v2 --chip esp32 --layout 4m-two-slots\n"
                "  updraft boards set garage evse-v2 --layout ''\n",
    .options = board_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = run_boards_set,
    .show = show_boards_set,
};

const struct updraft_command updraft_command_releases_set = {
    .name = "releases set",
    .summary = "say what a release closes, and from which version on devices may come",
    .usage = "PRODUCT VERSION [--security yes|no] [--cve LIST] [--min-from VERSION]",
    .about = "The images of a release never change; what is said of it may.\n",
    .examples = "  updraft releases set garage 1.1.0 --security yes --cve CVE-2026-1234\n"
                "  updraft releases set garage 2.0.0 --min-from 1.5\n",
    .options = release_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = run_releases_set,
    .show = show_releases_set,
};
