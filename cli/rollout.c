#include "cli/rollout.h"

#include "cli/out.h"
#include "cli/span.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- the order --- */

static enum updraft_exit add_gates(struct updraft_cli *cli, cJSON *order)
{
    static const struct {
        const char *option;
        const char *member;
    } parts[] = {{"confirmed-least", "confirmed_least"},
                 {"failed-most", "failed_most"},
                 {"rolled-back-most", "rolled_back_most"},
                 {"silent-most", "silent_most"}};
    static const struct {
        const char *option;
        const char *member;
    } spans[] = {{"soak", "soak_s"}, {"silent-after", "silent_after_s"}};
    cJSON *gates = cJSON_AddObjectToObject(order, "gates");
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && exit == UPDRAFT_EXIT_OK; i++) {
        uint32_t percent = 0;
        if (!updraft_args_has(&cli->args, parts[i].option))
            continue;
        exit = updraft_args_u32(cli, parts[i].option, 0, 100, &percent);
        cJSON_AddNumberToObject(gates, parts[i].member, percent);
    }
    for (size_t i = 0; i < sizeof spans / sizeof spans[0] && exit == UPDRAFT_EXIT_OK; i++) {
        double seconds = 0;
        if (!updraft_args_has(&cli->args, spans[i].option))
            continue;
        exit = updraft_span_option(cli, spans[i].option, &seconds);
        cJSON_AddNumberToObject(gates, spans[i].member, seconds);
    }
    return exit;
}

/* "22:00-04:00" */
static enum updraft_exit add_window(struct updraft_cli *cli, cJSON *order)
{
    const char *text = updraft_args_value(&cli->args, "window");
    char from[6] = "", to[6] = "";

    if (!text)
        return UPDRAFT_EXIT_OK;
    if (strlen(text) != 11 || text[5] != '-')
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Write it like 22:00-04:00, in UTC.", "'%s' is no window", text);
    memcpy(from, text, 5);
    memcpy(to, text + 6, 5);
    cJSON *window = cJSON_AddObjectToObject(order, "window");
    cJSON_AddStringToObject(window, "from", from);
    cJSON_AddStringToObject(window, "to", to);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit add_times(struct updraft_cli *cli, cJSON *order)
{
    double start_in = 0;
    uint32_t rate = 0;
    enum updraft_exit exit = updraft_span_option(cli, "start-in", &start_in);

    if (exit == UPDRAFT_EXIT_OK && start_in > 0)
        cJSON_AddNumberToObject(order, "start", ((double)time(NULL) + start_in) * 1000);
    if (exit == UPDRAFT_EXIT_OK && updraft_args_has(&cli->args, "rate")) {
        exit = updraft_args_u32(cli, "rate", 1, 1000000, &rate);
        cJSON_AddNumberToObject(order, "rate_per_min", rate);
    }
    if (updraft_args_has(&cli->args, "pause-on-success"))
        cJSON_AddTrueToObject(order, "pause_on_success");
    return exit == UPDRAFT_EXIT_OK ? add_window(cli, order) : exit;
}

enum updraft_exit updraft_rollout_order(struct updraft_cli *cli, const char *const *words,
                                        char **body)
{
    const char *filter = updraft_args_value(&cli->args, "filter");
    const char *stages = updraft_args_value(&cli->args, "stages");
    cJSON *order = cJSON_CreateObject();
    enum updraft_exit exit;

    cJSON_AddStringToObject(order, "product", words[0]);
    cJSON_AddStringToObject(order, "channel", words[1]);
    cJSON_AddStringToObject(order, "version", words[2]);
    if (filter)
        cJSON_AddStringToObject(order, "filter", filter);
    if (stages)
        cJSON_AddStringToObject(order, "stages", stages);
    exit = add_gates(cli, order);
    if (exit == UPDRAFT_EXIT_OK)
        exit = add_times(cli, order);
    *body = exit == UPDRAFT_EXIT_OK ? cJSON_PrintUnformatted(order) : NULL;
    cJSON_Delete(order);
    return exit;
}

enum updraft_exit updraft_rollout_path(struct updraft_cli *cli, const char *word,
                                       const char *action, char *path, size_t path_cap)
{
    const size_t len = strlen(word);

    if (len == 0 || len > 10 || strspn(word, "0123456789") != len)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "'updraft rollout list' shows the numbers.",
                                "'%.40s' is no number of a rollout", word);
    snprintf(path, path_cap, "/api/v1/rollouts/%s%s%s", word, action[0] ? "/" : "", action);
    return UPDRAFT_EXIT_OK;
}

/* --- shown --- */

void updraft_rollout_counts(const cJSON *counts, char *text, size_t text_cap)
{
    const cJSON *count;
    size_t len = 0;

    text[0] = '\0';
    cJSON_ArrayForEach(count, counts)
    {
        char word[40];
        size_t at = 0;
        if (count->valuedouble < 1 || len + sizeof word + 16 > text_cap)
            continue;
        for (const char *name = count->string; *name && at + 1 < sizeof word; name++)
            word[at++] = *name == '_' ? ' ' : *name;
        word[at] = '\0';
        len += (size_t)snprintf(text + len, text_cap - len, "%s%.0f %s", len ? ", " : "",
                                count->valuedouble, word);
    }
    if (len == 0)
        snprintf(text, text_cap, "none");
}

static void print_stages(const cJSON *rollout)
{
    const int current = (int)updraft_json_number(rollout, "stage");
    const cJSON *stage;
    char counts[320];
    int at = 0;

    cJSON_ArrayForEach(stage, cJSON_GetObjectItemCaseSensitive(rollout, "stages"))
    {
        const cJSON *known = cJSON_GetObjectItemCaseSensitive(stage, "counts");
        char label[24];
        snprintf(label, sizeof label, "%sstage %d", at == current ? "> " : "  ", at + 1);
        at++;
        if (cJSON_IsObject(known))
            updraft_rollout_counts(known, counts, sizeof counts);
        else
            snprintf(counts, sizeof counts, "to come");
        updraft_out_fieldf(label, "%s, %.0f devices: %s", updraft_json_text(stage, "goal"),
                           updraft_json_number(stage, "size"), counts);
    }
}

static void print_gates(const cJSON *rollout)
{
    const cJSON *gates = cJSON_GetObjectItemCaseSensitive(rollout, "gates");

    updraft_out_fieldf("goes on at", "%.0f %% confirmed, for %.0f s",
                       updraft_json_number(gates, "confirmed_least"),
                       updraft_json_number(gates, "soak_s"));
    updraft_out_fieldf(
        "stops above", "%.0f %% rolled back, %.0f %% failed, %.0f %% silent (after %.0f s)",
        updraft_json_number(gates, "rolled_back_most"), updraft_json_number(gates, "failed_most"),
        updraft_json_number(gates, "silent_most"), updraft_json_number(gates, "silent_after_s"));
}

void updraft_rollout_print(const cJSON *rollout)
{
    static const struct updraft_out_column columns[] = {
        {"failure", "name", UPDRAFT_OUT_PLAIN},
        {"devices", "count", UPDRAFT_OUT_PLAIN},
        {"such as", "text", UPDRAFT_OUT_PLAIN},
        {"remedy", "remedy", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *failures = cJSON_GetObjectItemCaseSensitive(rollout, "failures");
    const char *filter = updraft_json_text(rollout, "filter");
    char counts[320];

    updraft_out_fieldf("rollout", "%.0f, %s", updraft_json_number(rollout, "id"),
                       updraft_json_text(rollout, "state"));
    updraft_out_fieldf("channel", "%s of %s, from %s to %s", updraft_json_text(rollout, "channel"),
                       updraft_json_text(rollout, "product"), updraft_json_text(rollout, "from"),
                       updraft_json_text(rollout, "version"));
    if (filter[0])
        updraft_out_field("filter", filter);
    updraft_out_member("because", rollout, "reason", UPDRAFT_OUT_PLAIN);
    updraft_out_member("what to do", rollout, "remedy", UPDRAFT_OUT_PLAIN);
    print_stages(rollout);
    updraft_rollout_counts(cJSON_GetObjectItemCaseSensitive(rollout, "counts"), counts,
                           sizeof counts);
    updraft_out_field("devices", counts);
    updraft_out_fieldf("besides", "%.0f had it before, %.0f are out of reach",
                       updraft_json_number(rollout, "on_target"),
                       updraft_json_number(rollout, "unreachable"));
    print_gates(rollout);
    updraft_out_fieldf("made by", "%s", updraft_json_text(rollout, "by"));
    updraft_out_member("since", rollout, "created", UPDRAFT_OUT_DATE);
    if (cJSON_GetArraySize(failures) > 0) {
        putchar('\n');
        updraft_out_table(failures, columns, "");
    }
}
