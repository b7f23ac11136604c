#include "cli/server.h"

#include "cli/file.h"
#include "cli/out.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STALL_S 120u

static bool settings_path(char *out, size_t out_cap, bool create)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char folder[PATH_MAX];

    if (config && config[0] == '/')
        snprintf(folder, sizeof folder, "%s", config);
    else if (home && home[0])
        snprintf(folder, sizeof folder, "%s/.config", home);
    else
        return false;
    if (create)
        (void)mkdir(folder, 0700);
    if (strlen(folder) + sizeof "/updraft" > sizeof folder)
        return false;
    strcat(folder, "/updraft");
    if (create)
        (void)mkdir(folder, 0700);
    return snprintf(out, out_cap, "%s/server.json", folder) < (int)out_cap;
}

/* What login kept; NULL when there is nothing, or nothing usable. */
static cJSON *read_settings(void)
{
    char path[PATH_MAX];
    struct updraft_file file;
    struct updraft_fail ignored;
    cJSON *settings;

    if (!settings_path(path, sizeof path, false) ||
        updraft_file_read(path, &file, &ignored) != UPDRAFT_EXIT_OK)
        return NULL;
    settings = cJSON_ParseWithLength((const char *)file.data, file.len);
    updraft_file_free(&file);
    return settings;
}

enum updraft_exit updraft_server_set_url(struct updraft_server *server, const char *url,
                                         struct updraft_fail *fail)
{
    size_t len = strlen(url);
    const char *rest;

    while (len > 0 && url[len - 1] == '/')
        len--;
    rest = !strncmp(url, "http://", 7) ? url + 7 : !strncmp(url, "https://", 8) ? url + 8 : NULL;
    if (!rest || rest >= url + len || memchr(rest, '@', strlen(rest)) ||
        strpbrk(rest, " \t\r\n?#") || len >= sizeof server->url)
        return updraft_fail_set(fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Write it like http://127.0.0.1:8266.", "'%s' is no server address",
                                url);
    memcpy(server->url, url, len);
    server->url[len] = '\0';
    return UPDRAFT_EXIT_OK;
}

static const char *first(const char *option, const char *variable, const cJSON *settings,
                         const char *key)
{
    const cJSON *kept = cJSON_GetObjectItemCaseSensitive(settings, key);

    if (option && option[0])
        return option;
    if (variable && variable[0])
        return variable;
    return cJSON_IsString(kept) ? kept->valuestring : NULL;
}

/* A kept token belongs to the kept server; it is not shown to another. */
static const char *choose_token(struct updraft_cli *cli, const struct updraft_server *server,
                                const cJSON *settings)
{
    const cJSON *kept_url = cJSON_GetObjectItemCaseSensitive(settings, "server");
    bool same = cJSON_IsString(kept_url) && !strcmp(kept_url->valuestring, server->url);

    return first(updraft_args_value(&cli->args, "token"), getenv("UPDRAFT_TOKEN"),
                 same ? settings : NULL, "token");
}

enum updraft_exit updraft_server_open(struct updraft_cli *cli, struct updraft_server *server)
{
    cJSON *settings = read_settings();
    const char *url = first(updraft_args_value(&cli->args, "server"), getenv("UPDRAFT_SERVER"),
                            settings, "server");
    const char *token;
    enum updraft_exit exit;

    memset(server, 0, sizeof *server);
    if (!url) {
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "no_server",
                                "Say 'updraft login URL --token TEXT' once, give --server, or set "
                                "UPDRAFT_SERVER.",
                                "it is not known which server is meant");
    } else {
        exit = updraft_server_set_url(server, url, &cli->fail);
        if (exit == UPDRAFT_EXIT_OK) {
            token = choose_token(cli, server, settings);
            snprintf(server->token, sizeof server->token, "%s", token ? token : "");
        }
    }
    cJSON_Delete(settings);
    return exit;
}

enum updraft_exit updraft_server_keep(const struct updraft_server *server, char *path,
                                      size_t path_cap, struct updraft_fail *fail)
{
    cJSON *settings = cJSON_CreateObject();
    enum updraft_exit exit;
    char *text;

    cJSON_AddStringToObject(settings, "server", server->url);
    cJSON_AddStringToObject(settings, "token", server->token);
    text = cJSON_Print(settings);
    cJSON_Delete(settings);
    if (!settings_path(path, path_cap, true))
        exit = updraft_fail_set(fail, UPDRAFT_EXIT_FAILED, "unwritable", "Set HOME.",
                                "there is no home folder to keep the login in");
    else
        exit = updraft_file_write(path, text, strlen(text), 0600, fail);
    cJSON_free(text);
    return exit;
}

static enum updraft_exit no_answer(struct updraft_cli *cli, const struct updraft_server *server,
                                   const struct updraft_http_response *response)
{
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                            "Check the address, and that updraftd runs there.",
                            "no answer from %s: %s", server->url, response->error);
}

/* {"error":{"code","message","remedy"}}; anything else is not our server. */
static enum updraft_exit refused(struct updraft_cli *cli, const struct updraft_server *server,
                                 long status, const cJSON *json)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    enum updraft_exit exit =
        status == 401 || status == 403 ? UPDRAFT_EXIT_AUTH : UPDRAFT_EXIT_REFUSED;
    const char *remedy = updraft_json_text(error, "remedy");

    if (cJSON_IsObject(error))
        return updraft_fail_set(&cli->fail, exit, updraft_json_text(error, "code"),
                                strcmp(remedy, "-") ? remedy : "", "%s",
                                updraft_json_text(error, "message"));
    if (exit == UPDRAFT_EXIT_AUTH)
        return updraft_fail_set(&cli->fail, exit, "wrong_token",
                                "The token stands in the file 'token' of the server's data folder.",
                                "%s does not take %s", server->url,
                                server->token[0] ? "this token" : "requests without a token");
    return updraft_fail_set(&cli->fail, exit, "http_status", "Check the address of the server.",
                            "%s answered with status %ld", server->url, status);
}

enum updraft_exit updraft_server_call(struct updraft_cli *cli, const struct updraft_server *server,
                                      const char *path, const struct updraft_http_request *request,
                                      cJSON **json)
{
    struct updraft_http_request full = {0};
    struct updraft_http_response response;
    char url[1024];
    enum updraft_exit exit;

    if (request)
        full = *request;
    snprintf(url, sizeof url, "%s%s", server->url, path);
    full.url = url;
    full.token = server->token[0] ? server->token : NULL;
    full.stall_s = STALL_S;
    *json = NULL;
    if (!updraft_http_do(&full, &response)) {
        exit = no_answer(cli, server, &response);
    } else {
        *json = updraft_http_json(&response);
        if (response.status < 200 || response.status >= 300)
            exit = refused(cli, server, response.status, *json);
        else if (!*json)
            exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_NETWORK, "protocol",
                                    "Check the address of the server.",
                                    "%s does not answer like an Updraft server", server->url);
        else
            exit = UPDRAFT_EXIT_OK;
        if (exit != UPDRAFT_EXIT_OK) {
            cJSON_Delete(*json);
            *json = NULL;
        }
    }
    updraft_http_free(&response);
    return exit;
}

enum updraft_exit updraft_server_fetch(struct updraft_cli *cli, const char *path,
                                       const struct updraft_http_request *request, cJSON *result)
{
    struct updraft_server server;
    cJSON *answer;
    enum updraft_exit exit = updraft_server_open(cli, &server);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_call(cli, &server, path, request, &answer);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    updraft_json_move(answer, result);
    cJSON_Delete(answer);
    return exit;
}
