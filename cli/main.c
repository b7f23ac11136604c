/* updraft: the tool on the developer's desk. Finds the command, runs it, prints its result. */
#include "cli/command.h"
#include "cli/help.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_json(const cJSON *result)
{
    char *text = cJSON_Print(result);

    puts(text ? text : "{}");
    cJSON_free(text);
}

static void add_error(cJSON *result, const struct updraft_fail *fail)
{
    cJSON *error = cJSON_AddObjectToObject(result, "error");

    cJSON_AddStringToObject(error, "code", fail->code);
    cJSON_AddStringToObject(error, "message", fail->message);
    cJSON_AddStringToObject(error, "remedy", fail->remedy);
}

static void print_error(const struct updraft_fail *fail)
{
    bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");

    fflush(stdout);
    fprintf(stderr, "%supdraft: %s%s\n", colour ? "\033[31m" : "", fail->message,
            colour ? "\033[0m" : "");
    if (fail->remedy[0])
        fprintf(stderr, "         %s\n", fail->remedy);
}

/* --json must work before the command line is understood, or its errors would not be JSON. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--json"))
            return true;
    return false;
}

static enum updraft_exit report(const struct updraft_cli *cli, cJSON *result,
                                enum updraft_exit exit)
{
    if (exit != UPDRAFT_EXIT_OK && cli->json)
        add_error(result, &cli->fail);
    if (cli->json)
        print_json(result);
    else if (cli->command && result->child && cli->command->show)
        cli->command->show(cli, result);
    if (exit != UPDRAFT_EXIT_OK)
        print_error(&cli->fail);
    if (fflush(stdout) || ferror(stdout)) {
        fputs("updraft: cannot write the result\n", stderr);
        return UPDRAFT_EXIT_FAILED;
    }
    return exit;
}

static enum updraft_exit run_command(struct updraft_cli *cli, int argc, char **argv, int words)
{
    enum updraft_exit exit = updraft_args_parse(cli, argc - 1 - words, argv + 1 + words);
    cJSON *result;

    cli->json = cli->json || asks_for_json(argc, argv);
    if (exit == UPDRAFT_EXIT_OK && updraft_args_has(&cli->args, "help")) {
        updraft_help_command(cli->command);
        return UPDRAFT_EXIT_OK;
    }
    result = cJSON_CreateObject();
    if (exit == UPDRAFT_EXIT_OK)
        exit = cli->command->run(cli, result);
    exit = report(cli, result, exit);
    cJSON_Delete(result);
    return exit;
}

static enum updraft_exit unknown_command(struct updraft_cli *cli, int argc, char **argv)
{
    const char *group = updraft_help_group(argv[1]);
    const char *near = updraft_help_nearest(argc - 1, argv + 1);
    char remedy[200];
    enum updraft_exit exit;
    cJSON *result = cJSON_CreateObject();

    cli->json = cli->json || asks_for_json(argc, argv);
    if (argv[1][0] == '-')
        snprintf(remedy, sizeof remedy, "Put it behind the command.");
    else if (near)
        snprintf(remedy, sizeof remedy, "Did you mean 'updraft %s'?", near);
    else if (group)
        snprintf(remedy, sizeof remedy, "There are: %s.", group);
    else
        snprintf(remedy, sizeof remedy, "'updraft --help' lists the commands.");
    if (group && argc > 2)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy,
                                "there is no command '%s %s'", argv[1], argv[2]);
    else if (group)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy,
                                "'%s' needs to be told what to do", argv[1]);
    else if (argv[1][0] == '-')
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy,
                                "%s cannot stand before the command", argv[1]);
    else
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy,
                                "there is no command '%s'", argv[1]);
    exit = report(cli, result, exit);
    cJSON_Delete(result);
    return exit;
}

static enum updraft_exit no_command(struct updraft_cli *cli)
{
    enum updraft_exit exit =
        updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                         "'updraft --help' lists the commands.", "there is no command");
    cJSON *result;

    if (!cli->json) {
        updraft_help_program(stderr);
        return exit;
    }
    result = cJSON_CreateObject();
    exit = report(cli, result, exit);
    cJSON_Delete(result);
    return exit;
}

/* The common options may stand before the command, too; gives how many words they take. */
static int read_leading(struct updraft_cli *cli, int argc, char **argv)
{
    int count = 0;

    for (; count + 1 < argc; count++) {
        const char *word = argv[count + 1];

        if (!strcmp(word, "--json"))
            cli->json = true;
        else if (!strcmp(word, "--quiet") || !strcmp(word, "-q"))
            cli->quiet = true;
        else
            break;
    }
    return count;
}

int main(int argc, char **argv)
{
    static char version[] = "version";
    struct updraft_cli cli = {0};
    enum updraft_exit exit;
    int words = read_leading(&cli, argc, argv);

    signal(SIGPIPE, SIG_IGN); /* a peer that closes is an error to report, not the end */
    argc -= words;
    argv += words;
    if (argc < 2)
        return (int)no_command(&cli);
    if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        if (updraft_help_topic(argc - 2, argv + 2))
            return UPDRAFT_EXIT_OK;
        return (int)unknown_command(&cli, argc - 1, argv + 1);
    }
    if (!strcmp(argv[1], "--version"))
        argv[1] = version;
    cli.command = updraft_help_find(argc - 1, argv + 1, &words);
    if (!cli.command) {
        if (updraft_help_group(argv[1]) && argc > 2 &&
            (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")) &&
            updraft_help_topic(1, argv + 1))
            return UPDRAFT_EXIT_OK;
        return (int)unknown_command(&cli, argc, argv);
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    exit = run_command(&cli, argc, argv, words);
    curl_global_cleanup();
    return (int)exit;
}
