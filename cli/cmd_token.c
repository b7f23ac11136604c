/* updraft token add, list, revoke; updraft audit */
#include "cli/out.h"
#include "cli/server.h"
#include "cli/span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct updraft_option options[] = {UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option add_options[] = {
    {"role", 0, "ROLE", "view, publish, operate or admin"},
    {"expires", 0, "TIME", "how long it is valid: 12h, 90d; without it for ever"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};
static const struct updraft_option audit_options[] = {
    {"limit", 0, "N", "how many rows, the newest first (default 100, at most 1000)"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

static enum updraft_exit run_add(struct updraft_cli *cli, cJSON *result)
{
    const char *role = updraft_args_value(&cli->args, "role");
    const char *expires = updraft_args_value(&cli->args, "expires");
    double seconds = 0;

    if (!role)
        return updraft_fail_set(
            &cli->fail, UPDRAFT_EXIT_USAGE, "usage",
            "Give --role view, publish, operate or admin; the least that will do.",
            "it is not told what the token may do");
    if (expires && (!updraft_span_parse(expires, &seconds) || !(seconds > 0)))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Write it like 30m, 12h or 90d.", "'%s' is no length of time",
                                expires);

    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "name", cli->args.positional[0]);
    cJSON_AddStringToObject(body, "role", role);
    if (expires)
        cJSON_AddNumberToObject(body, "expires_in_s", seconds);
    char *text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    const struct updraft_http_request request = {.method = "POST",
                                                 .body = (const uint8_t *)text,
                                                 .body_len = strlen(text),
                                                 .content_type = "application/json"};
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/tokens", &request, result);
    cJSON_free(text);
    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot add token %s",
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
        fputs("This is the token. Keep it now: the server has only its hash and cannot show it "
              "again.\n",
              stderr);
    }
}

static enum updraft_exit run_list(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/tokens", NULL, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list tokens");
}

static void show_list(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"token", "name", UPDRAFT_OUT_PLAIN},      {"role", "role", UPDRAFT_OUT_PLAIN},
        {"created", "created", UPDRAFT_OUT_AGO},   {"expires", "expires", UPDRAFT_OUT_DATE},
        {"expired", "expired", UPDRAFT_OUT_PLAIN}, {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "tokens");

    (void)cli;
    if (list)
        updraft_out_table(list, columns, "There is no token.");
}

static enum updraft_exit run_revoke(struct updraft_cli *cli, cJSON *result)
{
    const struct updraft_http_request request = {.method = "DELETE"};
    const char *name = cli->args.positional[0];
    char escaped[192];
    char path[256];
    enum updraft_exit exit;

    if (!updraft_http_escape(name, escaped, sizeof escaped)) {
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Names are short.",
                                "the name is too long");
    } else {
        snprintf(path, sizeof path, "/api/v1/tokens/%s", escaped);
        exit = updraft_server_fetch(cli, path, &request, result);
    }
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot revoke token %.64s", name);
}

static void show_revoke(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && result->child)
        printf("Token %s is void.\n", cli->args.positional[0]);
}

static enum updraft_exit run_audit(struct updraft_cli *cli, cJSON *result)
{
    uint32_t limit = 100;
    char path[64];
    enum updraft_exit exit = updraft_args_u32(cli, "limit", 1, 1000, &limit);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    snprintf(path, sizeof path, "/api/v1/audit?limit=%u", (unsigned)limit);
    exit = updraft_server_fetch(cli, path, NULL, result);
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot show the audit log");
}

static void show_audit(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"when", "at", UPDRAFT_OUT_DATE},
        {"who", "operator", UPDRAFT_OUT_PLAIN},
        {"from", "address", UPDRAFT_OUT_PLAIN},
        {"did", "request", UPDRAFT_OUT_PLAIN},
        {"what", "object", UPDRAFT_OUT_PLAIN},
        {"result", "status", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "audit");

    (void)cli;
    if (list)
        updraft_out_table(list, columns, "Nobody has changed anything yet.");
}

const struct updraft_command updraft_command_token_add = {
    .name = "token add",
    .summary = "make a token for another person or machine",
    .usage = "NAME --role ROLE [--expires TIME]",
    .about = "Prints the token, once: the server keeps its hash only. Each role may do what those "
             "before it\n"
             "may:\n"
             "  view     look at devices, releases, channels, attempts, metrics\n"
             "  publish  bring new releases, also onto a channel: what CI needs\n"
             "  operate  let a channel offer another release\n"
             "  admin    tokens and the audit log\n",
    .examples = "  updraft token add ci --role publish --expires 90d\n"
                "  updraft token add wall-display --role view > display.token\n",
    .options = add_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_add,
    .show = show_add,
};

const struct updraft_command updraft_command_token_list = {
    .name = "token list",
    .summary = "the server's tokens, and what each may do",
    .usage = "[--server URL] [--token TEXT]",
    .about =
        "Names, roles and expiry. The first one is the one in the file 'token' of the server's "
        "data\n"
        "directory.\n",
    .examples = "  updraft token list\n"
                "  updraft token list --json\n",
    .options = options,
    .run = run_list,
    .show = show_list,
};

const struct updraft_command updraft_command_token_revoke = {
    .name = "token revoke",
    .summary = "make a token void, at once",
    .usage = "NAME",
    .about = "The first token cannot be revoked, so that somebody can always let others in; to "
             "replace it,\n"
             "delete the file 'token' in the server's data directory and start updraftd again.\n",
    .examples = "  updraft token revoke ci\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_revoke,
    .show = show_revoke,
};

const struct updraft_command updraft_command_audit = {
    .name = "audit",
    .summary = "who changed what on the server, and with which result",
    .usage = "[--limit N]",
    .about = "The requests that were meant to change something, newest first: token, address, "
             "request, what it\n"
             "was about, HTTP status. Needs the role admin.\n",
    .examples = "  updraft audit\n"
                "  updraft audit --limit 1000 --json\n",
    .options = audit_options,
    .run = run_audit,
    .show = show_audit,
};
