/* updraft rollout preview, start, list, show, pause, resume, abort, retry */
#include "cli/out.h"
#include "cli/rollout.h"
#include "cli/span.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ASK_S      1
#define DEAF_MOST  60 /* questions in a row that may go unanswered: the server may be restarted */
#define STATUS_CAP 512u

static const struct updraft_option options[] = {UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option preview_options[] = {
    UPDRAFT_ROLLOUT_WHOM_OPTIONS, UPDRAFT_SERVER_OPTIONS, {0}};
static const struct updraft_option start_options[] = {
    UPDRAFT_ROLLOUT_WHOM_OPTIONS,
    {"confirmed-least", 0, "PERCENT", "of a stage, before the next one begins (default 95)"},
    {"rolled-back-most", 0, "PERCENT", "of a stage; above it the rollout stops (default 5)"},
    {"failed-most", 0, "PERCENT", "likewise (default 10)"},
    {"silent-most", 0, "PERCENT", "likewise (default 10)"},
    {"soak", 0, "TIME", "how long a stage must be good before the next one (default 10m)"},
    {"silent-after", 0, "TIME", "a device not heard of for so long is silent (default 24h)"},
    {"start-in", 0, "TIME", "begin later (default: now)"},
    {"window", 0, "HH:MM-HH:MM", "updates begin only then, in UTC: 22:00-04:00"},
    {"rate", 0, "N", "at most so many updates begin in a minute"},
    {"pause-on-success", 0, NULL, "wait after each stage for 'updraft rollout resume'"},
    {"wait", 0, NULL, "stay until it is done, and fail when it stops"},
    {"timeout", 0, "TIME", "with --wait: give up waiting after this (default: never)"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

/* --- preview and start --- */

static enum updraft_exit order(struct updraft_cli *cli, const char *path, cJSON *result)
{
    char *body = NULL;
    enum updraft_exit exit = updraft_rollout_order(cli, cli->args.positional, &body);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    const struct updraft_http_request request = {.method = "POST",
                                                 .body = (const uint8_t *)body,
                                                 .body_len = strlen(body),
                                                 .content_type = "application/json"};
    exit = updraft_server_fetch(cli, path, &request, result);
    cJSON_free(body);
    return exit;
}

static enum updraft_exit run_preview(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = order(cli, "/api/v1/rollouts/preview", result);

    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot look ahead to %.64s",
                                   cli->args.positional[2]);
}

static void show_preview(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"stage", "goal", UPDRAFT_OUT_PLAIN}, {"devices", "size", UPDRAFT_OUT_PLAIN}, {0}};
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(result, "stages");

    (void)cli;
    if (!stages)
        return;
    updraft_out_fieldf("matched", "%.0f devices", updraft_json_number(result, "matched"));
    updraft_out_fieldf("of these", "%.0f run it already, %.0f are out of reach",
                       updraft_json_number(result, "on_target"),
                       updraft_json_number(result, "unreachable"));
    updraft_out_table(stages, columns, "");
}

/* One line whenever something has changed. */
static void tell(const struct updraft_cli *cli, const cJSON *rollout, char last[STATUS_CAP])
{
    const int at = (int)updraft_json_number(rollout, "stage");
    const cJSON *stages = cJSON_GetObjectItemCaseSensitive(rollout, "stages");
    const cJSON *stage = cJSON_GetArrayItem(stages, at);
    char counts[320], line[STATUS_CAP];

    updraft_rollout_counts(cJSON_GetObjectItemCaseSensitive(stage, "counts"), counts,
                           sizeof counts);
    snprintf(line, sizeof line, "%s, stage %d of %d (%s): %s", updraft_json_text(rollout, "state"),
             at + 1, cJSON_GetArraySize(stages), updraft_json_text(stage, "goal"), counts);
    if (!cli->quiet && strcmp(line, last) != 0)
        fprintf(stderr, "%s\n", line);
    memcpy(last, line, sizeof line);
}

static bool has_state(const cJSON *rollout, const char *state)
{
    return strcmp(updraft_json_text(rollout, "state"), state) == 0;
}

static enum updraft_exit judge(struct updraft_cli *cli, const cJSON *rollout)
{
    if (has_state(rollout, "done"))
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED,
                            has_state(rollout, "stopped") ? "rollout_stopped" : "rollout_aborted",
                            has_state(rollout, "stopped")
                                ? updraft_json_text(rollout, "remedy")
                                : "Ask who aborted it; start another when it may go on.",
                            "the rollout has been %s: %s", updraft_json_text(rollout, "state"),
                            updraft_json_text(rollout, "reason"));
}

/* Replaces the rollout of the result by what the server says now. */
static enum updraft_exit ask(struct updraft_cli *cli, cJSON *result, int *deaf)
{
    char path[64];
    cJSON *answer = cJSON_CreateObject();

    snprintf(path, sizeof path, "/api/v1/rollouts/%.0f",
             updraft_json_number(cJSON_GetObjectItemCaseSensitive(result, "rollout"), "id"));
    enum updraft_exit exit = updraft_server_fetch(cli, path, NULL, answer);
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON_DeleteItemFromObjectCaseSensitive(result, "rollout");
        updraft_json_move(answer, result);
        *deaf = 0;
    } else if (exit == UPDRAFT_EXIT_NETWORK && ++*deaf < DEAF_MOST) {
        exit = UPDRAFT_EXIT_OK;
    }
    cJSON_Delete(answer);
    return exit;
}

static enum updraft_exit wait_for_end(struct updraft_cli *cli, cJSON *result)
{
    char last[STATUS_CAP] = "";
    double timeout_s = 0;
    int deaf = 0;
    enum updraft_exit exit = updraft_span_option(cli, "timeout", &timeout_s);
    const time_t began = time(NULL);

    while (exit == UPDRAFT_EXIT_OK) {
        const cJSON *rollout = cJSON_GetObjectItemCaseSensitive(result, "rollout");
        tell(cli, rollout, last);
        if (has_state(rollout, "done") || has_state(rollout, "stopped") ||
            has_state(rollout, "aborted"))
            return judge(cli, rollout);
        if (timeout_s > 0 && difftime(time(NULL), began) >= timeout_s)
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "timeout",
                                    "It goes on without you: 'updraft rollout show' has how it "
                                    "stands, 'updraft rollout abort' ends it.",
                                    "the rollout is %s after %.0f s",
                                    updraft_json_text(rollout, "state"), timeout_s);
        nanosleep(&(struct timespec){.tv_sec = ASK_S}, NULL);
        exit = ask(cli, result, &deaf);
    }
    return exit;
}

static enum updraft_exit run_start(struct updraft_cli *cli, cJSON *result)
{
    double timeout_s;
    enum updraft_exit exit = updraft_span_option(cli, "timeout", &timeout_s);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    exit = order(cli, "/api/v1/rollouts", result);
    if (exit != UPDRAFT_EXIT_OK)
        return updraft_fail_wrap(&cli->fail, exit, "cannot roll out %.64s",
                                 cli->args.positional[2]);
    return updraft_args_has(&cli->args, "wait") ? wait_for_end(cli, result) : exit;
}

static void show_start(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *rollout = cJSON_GetObjectItemCaseSensitive(result, "rollout");

    if (cli->quiet || !rollout)
        return;
    if (updraft_args_has(&cli->args, "wait"))
        updraft_rollout_print(rollout);
    else
        printf("Rollout %.0f takes channel %s of %s from %s to %s.\n"
               "How it stands: updraft rollout show %.0f\n",
               updraft_json_number(rollout, "id"), updraft_json_text(rollout, "channel"),
               updraft_json_text(rollout, "product"), updraft_json_text(rollout, "from"),
               updraft_json_text(rollout, "version"), updraft_json_number(rollout, "id"));
}

/* --- list and show --- */

static enum updraft_exit run_list(struct updraft_cli *cli, cJSON *result)
{
    enum updraft_exit exit = updraft_server_fetch(cli, "/api/v1/rollouts", NULL, result);

    return exit == UPDRAFT_EXIT_OK ? exit
                                   : updraft_fail_wrap(&cli->fail, exit, "cannot list rollouts");
}

static void show_list(const struct updraft_cli *cli, const cJSON *result)
{
    static const struct updraft_out_column columns[] = {
        {"rollout", "id", UPDRAFT_OUT_PLAIN},
        {"product", "product", UPDRAFT_OUT_PLAIN},
        {"channel", "channel", UPDRAFT_OUT_PLAIN},
        {"from", "from", UPDRAFT_OUT_PLAIN},
        {"to", "version", UPDRAFT_OUT_PLAIN},
        {"state", "state", UPDRAFT_OUT_PLAIN},
        {"confirmed", "counts.confirmed", UPDRAFT_OUT_PLAIN},
        {"rolled back", "counts.rolled_back", UPDRAFT_OUT_PLAIN},
        {"failed", "counts.failed", UPDRAFT_OUT_PLAIN},
        {"waiting", "counts.waiting", UPDRAFT_OUT_PLAIN},
        {"since", "created", UPDRAFT_OUT_AGO},
        {"because", "reason", UPDRAFT_OUT_PLAIN},
        {0},
    };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, "rollouts");

    (void)cli;
    if (list)
        updraft_out_table(list, columns, "There is no rollout; 'updraft rollout start' makes one.");
}

static enum updraft_exit call(struct updraft_cli *cli, const char *action, cJSON *result)
{
    const struct updraft_http_request request = {
        .method = "POST", .body = (const uint8_t *)"", .content_type = "application/json"};
    char path[64];
    enum updraft_exit exit =
        updraft_rollout_path(cli, cli->args.positional[0], action, path, sizeof path);

    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_server_fetch(cli, path, action[0] ? &request : NULL, result);
    return exit == UPDRAFT_EXIT_OK
               ? exit
               : updraft_fail_wrap(&cli->fail, exit, "cannot %s rollout %.20s",
                                   action[0] ? action : "show", cli->args.positional[0]);
}

static enum updraft_exit run_show(struct updraft_cli *cli, cJSON *result)
{
    return call(cli, "", result);
}

static void show_show(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *rollout = cJSON_GetObjectItemCaseSensitive(result, "rollout");

    (void)cli;
    if (rollout)
        updraft_rollout_print(rollout);
}

/* --- the brake --- */

static enum updraft_exit run_pause(struct updraft_cli *cli, cJSON *result)
{
    return call(cli, "pause", result);
}

static enum updraft_exit run_resume(struct updraft_cli *cli, cJSON *result)
{
    return call(cli, "resume", result);
}

static enum updraft_exit run_abort(struct updraft_cli *cli, cJSON *result)
{
    return call(cli, "abort", result);
}

static enum updraft_exit run_retry(struct updraft_cli *cli, cJSON *result)
{
    return call(cli, "retry", result);
}

static void show_state(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *rollout = cJSON_GetObjectItemCaseSensitive(result, "rollout");

    if (!cli->quiet && rollout)
        printf("Rollout %.0f is %s.\n", updraft_json_number(rollout, "id"),
               updraft_json_text(rollout, "state"));
}

const struct updraft_command updraft_command_rollout_preview = {
    .name = "rollout preview",
    .summary = "how many devices a rollout would reach, stage by stage",
    .usage = "PRODUCT CHANNEL VERSION [--filter TEXT] [--stages LIST]",
    .about = "Changes nothing. Out of reach is who has not been heard of for a day, and who could "
             "not be offered\n"
             "the release: no image for its chip, or it failed there before.\n",
    .examples = "  updraft rollout preview demo stable 1.1.0\n"
                "  updraft rollout preview demo stable 1.1.0 --filter 'group=garage version<1.1'\n",
    .options = preview_options,
    .positional_min = 3,
    .positional_max = 3,
    .run = run_preview,
    .show = show_preview,
};

const struct updraft_command updraft_command_rollout_start = {
    .name = "rollout start",
    .summary = "take a channel to another release in stages",
    .usage = "PRODUCT CHANNEL VERSION [--stages LIST] [--wait] ...",
    .about =
        "The release is offered to the first stage only; the next one begins when enough of its "
        "devices have\n"
        "confirmed the new image and it has stayed so for the soak time. When more than a limit "
        "roll "
        "back, fail\n"
        "or fall silent, the rollout stops itself and says why. At the end the channel offers the "
        "release to\n"
        "everyone; with --filter it stays where it is for the devices that the filter leaves out.\n"
        "\n"
        "Filters: KEY OP VALUE, all of which must hold. Keys: id name version chip board group tag "
        "attr.NAME;\n"
        "operators: = != ~ !~ (with * and ?), and for versions < <= > >=.\n"
        "\n"
        "With --wait it is followed to its end: exit code 0 when it is done, 1 when it has stopped "
        "or was\n"
        "aborted. Publish the release first, without a channel: 'updraft publish FILE "
        "--no-channel'.\n",
    .examples =
        "  updraft rollout start demo stable 1.1.0\n"
        "  updraft rollout start demo stable 1.1.0 --stages '10 10% 100%' --soak 1h --wait\n"
        "  updraft rollout start demo stable 1.1.0 --filter tag=beta --window 22:00-04:00\n",
    .options = start_options,
    .positional_min = 3,
    .positional_max = 3,
    .run = run_start,
    .show = show_start,
};

const struct updraft_command updraft_command_rollout_list = {
    .name = "rollout list",
    .summary = "the rollouts, newest first, and how they stand",
    .usage = "[--server URL] [--token TEXT]",
    .about = "The newest hundred, with their devices by state.\n",
    .examples = "  updraft rollout list\n"
                "  updraft rollout list --json\n",
    .options = options,
    .run = run_list,
    .show = show_list,
};

const struct updraft_command updraft_command_rollout_show = {
    .name = "rollout show",
    .summary = "one rollout: its stages, its limits, and what failed",
    .usage = "NUMBER",
    .about = "A stage holds those before it, so its devices are counted with theirs.\n",
    .examples = "  updraft rollout show 3\n"
                "  updraft rollout show 3 --json\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_show,
    .show = show_show,
};

const struct updraft_command updraft_command_rollout_pause = {
    .name = "rollout pause",
    .summary = "let nobody new begin",
    .usage = "NUMBER",
    .about = "Devices that have begun go on and are counted.\n",
    .examples = "  updraft rollout pause 3\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_pause,
    .show = show_state,
};

const struct updraft_command updraft_command_rollout_resume = {
    .name = "rollout resume",
    .summary = "let a rollout go on that is paused or has stopped itself",
    .usage = "NUMBER",
    .about = "It stops again at once if one of its limits is still passed; 'updraft rollout retry' "
             "gives those\n"
             "another chance that failed.\n",
    .examples = "  updraft rollout resume 3\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_resume,
    .show = show_state,
};

const struct updraft_command updraft_command_rollout_abort = {
    .name = "rollout abort",
    .summary = "end a rollout for good",
    .usage = "NUMBER",
    .about = "Nobody is offered the release any more. Devices that run it keep it: to take them "
             "back, roll out\n"
             "the release that they are to run.\n",
    .examples = "  updraft rollout abort 3\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_abort,
    .show = show_state,
};

const struct updraft_command updraft_command_rollout_retry = {
    .name = "rollout retry",
    .summary = "give those devices another chance that failed or rolled back",
    .usage = "NUMBER",
    .about = "What ended badly so far does not count any more, and the rollout goes on.\n",
    .examples = "  updraft rollout retry 3\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run_retry,
    .show = show_state,
};
