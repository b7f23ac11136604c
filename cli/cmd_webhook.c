/* updraft webhook add, list, test, remove */
#include "cli/out.h"
#include "cli/server.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TEST_WAIT_S 15

static const struct updraft_option options[] = {UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option add_options[] = {
    {"events", 0, "LIST", "what it is told, parted by commas; see below"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

static cJSON *split_events(const char *events)
{
    cJSON *list = cJSON_CreateArray();
    char word[64];

    while (*events != '\0') {
        size_t len = strcspn(events, ",");
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1),
                 events);
        cJSON_AddItemToArray(list, cJSON_CreateString(word));
        events += len;
        events += *events == ',';
    }
    return list;
}

static enum updraft_exit run_add(struct updraft_cli *cli, cJSON *result)
{
    const char *events = updraft_args_value(&cli->args, "events");
    cJSON *body = cJSON_CreateObject();

    cJSON_AddStringToObject(body, "name", cli->args.positional[0]);
    cJSON_AddStringToObject(body, "url", cli->args.positional[1]);
    if (events)
        cJSON_AddItemToObject(body, "events", split_events(events));
    char *text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    const struct updraft_http_request request = {.method = "POST",
                                                 .body = (const uint8_t *)text,
                                                 .body_len = strlen(text),
                                                 .content_type = "application/json"};
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/webhooks", &request, result);
    cJSON_free(text);
    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot add webhook %.64s",
                                                       cli->args.positional[0]);
}

/* The secret alone on stdout, so that a script can take it. */
static void show_add(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cJSON_GetObjectItemCaseSensitive(result, "secret"))
        return;
    puts(updraft_json_text(result, "secret"));
    if (!cli->quiet) {
        fflush(stdout);
        fputs("This is the secret that its messages are signed with. Keep it now: it is not shown "
              "again.\n",
              stderr);
    }
}

static enum updraft_exit fetch_list(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/webhooks", NULL, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list webhooks");
}

/* A copy of each row with what the last delivery came to as one text. */
static void show_list(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"webhook", "name", UPDRAFT_OUT_PLAIN},   {"address", "url", UPDRAFT_OUT_PLAIN},
        {"told", "delivered", UPDRAFT_OUT_PLAIN}, {"given up", "given_up", UPDRAFT_OUT_PLAIN},
        {"last", "outcome", UPDRAFT_OUT_PLAIN},   {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "webhooks"), *row;
    cJSON *rows = cJSON_Duplicate(list, true);
    char outcome[256];

    (void)cli;
    if (!list)
        return;
    cJSON_ArrayForEach(row, rows)
    {
        const cJSON *last = cJSON_GetObjectItemCaseSensitive(row, "last");
        const cJSON *problem = cJSON_GetObjectItemCaseSensitive(last, "problem");
        snprintf(outcome, sizeof outcome, "%s%s%s", updraft_json_text(last, "event"),
                 cJSON_IsObject(last) ? ": " : "never told anything",
                 cJSON_IsString(problem) ? problem->valuestring
                 : cJSON_IsObject(last)  ? "taken"
                                         : "");
        cJSON_AddStringToObject((cJSON *)(uintptr_t)row, "outcome", outcome);
    }
    updraft_out_table(rows, columns, "There is no webhook.");
    cJSON_Delete(rows);
}

static enum updraft_exit ask(struct updraft_cli *cli, const char *method, const char *behind,
                             cJSON *result)
{
    const struct updraft_http_request request = {.method = method};
    char escaped[192], path[256];

    if (!updraft_http_escape(cli->args.positional[0], escaped, sizeof escaped))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Names are short.",
                                "the name is too long");
    snprintf(path, sizeof path, "/api/v1/webhooks/%s%s", escaped, behind);
    return updraft_server_fetch(cli, path, &request, result);
}

static enum updraft_exit run_remove(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = ask(cli, "DELETE", "", result);

    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot remove webhook %.64s",
                                   cli->args.positional[0]);
}

static void show_remove(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && result->child)
        printf("Webhook %s is told nothing any more.\n", cli->args.positional[0]);
}

/* --- test --- */

static const cJSON *find(const cJSON *list, const char *name)
{
    const cJSON *row;

    cJSON_ArrayForEach(row, list)
    {
        if (strcmp(updraft_json_text(row, "name"), name) == 0)
            return row;
    }
    return NULL;
}

/* When it was last told, or a try of that failed; 0: never. */
static double told_at(const cJSON *webhook)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(
               cJSON_GetObjectItemCaseSensitive(webhook, "last"), "at")) > 0
               ? cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(
                     cJSON_GetObjectItemCaseSensitive(webhook, "last"), "at"))
               : 0;
}

/* Fills result with the webhook once it was told something after that moment. */
static enum updraft_exit wait_for(struct updraft_cli *cli, double before, cJSON *result)
{
    const struct timespec pause = {.tv_nsec = 200000000};

    for (int looks = 0; looks < TEST_WAIT_S * 5; looks++) {
        cJSON *now = cJSON_CreateObject();
        enum updraft_exit exit = fetch_list(cli, now);
        const cJSON *webhook =
            find(cJSON_GetObjectItemCaseSensitive(now, "webhooks"), cli->args.positional[0]);
        bool told = webhook && told_at(webhook) > before;
        if (told)
            cJSON_AddItemToObject(result, "webhook", cJSON_Duplicate(webhook, true));
        cJSON_Delete(now);
        if (exit != UPDRAFT_EXIT_OK || told)
            return exit;
        nanosleep(&pause, NULL);
    }
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "timeout",
                            "Look with 'updraft webhook list': it may still be told something "
                            "older, again and again.",
                            "it was not told within %d s", TEST_WAIT_S);
}

static enum updraft_exit run_test(struct updraft_cli *cli, cJSON *result)
{
    const char *name = cli->args.positional[0];
    cJSON *before = cJSON_CreateObject();
    enum updraft_exit exit = ask(cli, "POST", "/test", before);

    if (exit == UPDRAFT_EXIT_OK)
        exit = wait_for(cli, told_at(cJSON_GetObjectItemCaseSensitive(before, "webhook")), result);
    cJSON_Delete(before);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot test webhook %.64s", name);
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(result, "webhook"), "last");
    const cJSON *problem = cJSON_GetObjectItemCaseSensitive(last, "problem");
    if (!cJSON_IsString(problem))
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "webhook_failed",
                            "Try the address with curl from the server's machine.",
                            "webhook %.64s was not told: %s", name, problem->valuestring);
}

static void show_test(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *webhook = cJSON_GetObjectItemCaseSensitive(result, "webhook");
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(webhook, "last");

    if (webhook && !cli->quiet && cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(last, "problem")))
        printf("Webhook %s took it, with status %.0f.\n", cli->args.positional[0],
               cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(last, "status")));
}

const struct updraft_command updraft_command_webhook_add = {
    .name = "webhook add",
    .summary = "have the server tell an address what happens",
    .usage = "NAME URL [--events LIST]",
    .about =
        "Prints the secret, once: X-Updraft-Signature is sha256= and the HMAC-SHA256 with it over\n"
        "X-Updraft-Timestamp, a dot and the body. Events are release, channel, rollout and\n"
        "attempt, or one state of the last two, as attempt.failed or rollout.stopped; without\n"
        "--events rollout, attempt.failed, attempt.rolled_back, release and channel. A message\n"
        "that is not taken is sent five times more, within a quarter of an hour. Needs the role\n"
        "admin.\n",
    .examples = "  updraft webhook add chat https://chat.example.com/hooks/7f --events rollout\n"
                "  updraft webhook add ops https://ops.example.com/updraft > ops.secret\n",
    .options = add_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = run_add,
    .show = show_add,
};

const struct updraft_command updraft_command_webhook_list = {
    .name = "webhook list",
    .summary = "whom the server tells what happens, and how that goes",
    .usage = "[--server URL] [--token TEXT]",
    .about =
        "How often each was told since the server started, how often it gave up, and what the\n"
        "last try came to. Needs the role admin.\n",
    .examples = "  updraft webhook list\n"
                "  updraft webhook list --json\n",
    .options = options,
    .run = fetch_list,
    .show = show_list,
};

const struct updraft_command updraft_command_webhook_test = {
    .name = "webhook test",
    .summary = "send an address a message and see whether it takes it",
    .usage = "NAME",
    .about = "Sends the event 'test' and waits for the outcome. Needs the role admin.\n",
    .examples = "  updraft webhook test chat\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_test,
    .show = show_test,
};

const struct updraft_command updraft_command_webhook_remove = {
    .name = "webhook remove",
    .summary = "tell an address nothing any more",
    .usage = "NAME",
    .about = "At once, also what is on its way. Needs the role admin.\n",
    .examples = "  updraft webhook remove chat\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_remove,
    .show = show_remove,
};
