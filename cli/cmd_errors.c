/* updraft errors, updraft version */
#include "cli/command.h"
#include "cli/out.h"

#include "updraft_version.h"

#include <curl/curl.h>
#include <stdio.h>

static enum updraft_exit run_errors(struct updraft_cli *cli, cJSON *result)
{
    cJSON *list = cJSON_AddArrayToObject(result, "errors");
    const struct updraft_error_entry *entry;

    (void)cli;
    for (size_t i = 0; (entry = updraft_error_row(i)) != NULL; i++) {
        cJSON *row = cJSON_CreateObject();

        cJSON_AddNumberToObject(row, "code", entry->code);
        cJSON_AddStringToObject(row, "name", entry->name);
        cJSON_AddStringToObject(row, "sentence", entry->sentence);
        cJSON_AddStringToObject(row, "remedy", entry->remedy);
        cJSON_AddItemToArray(list, row);
    }
    return UPDRAFT_EXIT_OK;
}

static void show_errors(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *row;

    (void)cli;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(result, "errors"))
    {
        printf("%3.0f  %-20s%s\n", updraft_json_number(row, "code"), updraft_json_text(row, "name"),
               updraft_json_text(row, "sentence"));
        if (updraft_json_text(row, "remedy")[0])
            printf("%25s%s\n", "", updraft_json_text(row, "remedy"));
    }
}

const struct updraft_command updraft_command_errors = {
    .name = "errors",
    .summary = "the error codes that devices and servers report, each with its remedy",
    .usage = "[--json]",
    .about =
        "Numbers and names never change their meaning. {a}, {b} and {s} stand for the two numbers\n"
        "and the text that come with an error.\n",
    .examples = "  updraft errors\n"
                "  updraft errors --json\n",
    .run = run_errors,
    .show = show_errors,
};

static enum updraft_exit run_version(struct updraft_cli *cli, cJSON *result)
{
    (void)cli;
    cJSON_AddStringToObject(result, "version", UPDRAFT_VERSION);
    cJSON_AddStringToObject(result, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    return UPDRAFT_EXIT_OK;
}

static void show_version(const struct updraft_cli *cli, const cJSON *result)
{
    (void)cli;
    printf("updraft %s (libcurl %s)\n", updraft_json_text(result, "version"),
           updraft_json_text(result, "libcurl"));
}

const struct updraft_command updraft_command_version = {
    .name = "version",
    .summary = "the version of this program",
    .usage = "[--json]",
    .about = "Prints the version of updraft and of the HTTP library it runs with.\n",
    .examples = "  updraft version\n"
                "  updraft version --json\n",
    .run = run_version,
    .show = show_version,
};
