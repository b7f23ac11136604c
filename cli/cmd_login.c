/* updraft login URL */
#include "cli/out.h"
#include "cli/server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct updraft_option options[] = {
    {"token", 0, "TEXT", "the server's token; - reads it from stdin (else UPDRAFT_TOKEN)"},
    {0},
};

static enum updraft_exit read_token(struct updraft_cli *cli, struct updraft_server *server)
{
    const char *token = updraft_args_value(&cli->args, "token");
    char line[sizeof server->token] = "";

    if (!token)
        token = getenv("UPDRAFT_TOKEN");
    if (token && !strcmp(token, "-")) {
        if (!fgets(line, sizeof line, stdin))
            line[0] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        token = line;
    }
    if (!token || !token[0] || strlen(token) >= sizeof server->token)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "It stands in the file 'token' of the server's data folder.",
                                "there is no token: give it with --token");
    snprintf(server->token, sizeof server->token, "%s", token);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_server server = {0};
    char path[PATH_MAX];
    cJSON *answer = NULL;
    enum updraft_exit exit = updraft_server_set_url(&server, cli->args.positional[0], &cli->fail);

    if (exit == UPDRAFT_EXIT_OK)
        exit = read_token(cli, &server);
    /* Only what works is kept. */
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_call(cli, &server, "/api/v1/products", NULL, &answer);
    cJSON_Delete(answer);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_keep(&server, path, sizeof path, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot log in");
    cJSON_AddStringToObject(result, "server", server.url);
    cJSON_AddStringToObject(result, "file", path);
    return exit;
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet)
        printf("Logged in to %s; kept in %s.\n", updraft_json_text(result, "server"),
               updraft_json_text(result, "file"));
}

const struct updraft_command updraft_command_login = {
    .name = "login",
    .summary = "keep a server's address and token for later commands",
    .usage = "URL --token TEXT",
    .about =
        "Tries the token, and keeps both in ~/.config/updraft/server.json, readable by you alone.\n"
        "--server, --token and the variables UPDRAFT_SERVER and UPDRAFT_TOKEN go before it.\n",
    .examples = "  updraft login http://127.0.0.1:8080 --token 3f9c...\n"
                "  updraft login https://updates.example.org --token - < token\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run,
    .show = show,
};
