#include "cli/help.h"

#include <string.h>

static const struct updraft_command *const commands[] = {
    &updraft_command_info,
    &updraft_command_partitions,
    &updraft_command_flash_make,
    &updraft_command_flash_show,
    &updraft_command_flash_boot,
    &updraft_command_flash_set_boot,
    &updraft_command_flash_refused,
    &updraft_command_image_make,
    &updraft_command_image_combine,
    &updraft_command_push,
    &updraft_command_discover,
    &updraft_command_doctor,

    &updraft_command_login,
    &updraft_command_publish,
    &updraft_command_devices,
    &updraft_command_devices_set,
    &updraft_command_releases,
    &updraft_command_releases_set,
    &updraft_command_boards,
    &updraft_command_boards_set,
    &updraft_command_releases_withdraw,
    &updraft_command_releases_prune,
    &updraft_command_channels,
    &updraft_command_channels_set,
    &updraft_command_rollout_preview,
    &updraft_command_rollout_start,
    &updraft_command_rollout_list,
    &updraft_command_rollout_show,
    &updraft_command_rollout_pause,
    &updraft_command_rollout_resume,
    &updraft_command_rollout_abort,
    &updraft_command_rollout_retry,
    &updraft_command_token_add,
    &updraft_command_token_list,
    &updraft_command_token_revoke,
    &updraft_command_webhook_add,
    &updraft_command_webhook_list,
    &updraft_command_webhook_test,
    &updraft_command_webhook_remove,
    &updraft_command_audit,
    &updraft_command_simulate,
    &updraft_command_errors,
    &updraft_command_version,
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static const char exit_codes[] =
    "Exit codes of updraft\n"
    "\n"
    "  0  done\n"
    "  1  it was tried and failed: the new image rolled back, nothing boots, a file cannot be "
    "written\n"
    "  2  the command line is wrong\n"
    "  3  an input file is missing, damaged, or not what it should be\n"
    "  4  no connection to the device or the server, or it broke off\n"
    "  5  the device or the server refused, and said why\n"
    "  6  the password or the token is wrong or missing\n"
    "\n"
    "With --json a failure prints {\"error\": {\"code\", \"message\", \"remedy\"}} on stdout as "
    "well; its\n"
    "code is a name of 'updraft errors' or one of the tool's own, and does not change.\n";

static bool is_words(const char *name, int count, char *const *words)
{
    char joined[64];

    if (count == 1)
        return !strcmp(name, words[0]);
    snprintf(joined, sizeof joined, "%s %s", words[0], words[1]);
    return !strcmp(name, joined);
}

const struct updraft_command *updraft_help_find(int count, char *const *words_given, int *words)
{
    for (int want = 2; want >= 1; want--) {
        if (count < want)
            continue;
        for (size_t i = 0; i < COMMAND_COUNT; i++) {
            if (is_words(commands[i]->name, want, words_given)) {
                *words = want;
                return commands[i];
            }
        }
    }
    return NULL;
}

static bool begins_with_word(const char *name, const char *word)
{
    size_t len = strlen(word);

    return !strncmp(name, word, len) && name[len] == ' ';
}

const char *updraft_help_group(const char *word)
{
    static char list[128];
    size_t len = 0;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (begins_with_word(commands[i]->name, word) && len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "",
                                    commands[i]->name + strlen(word) + 1);
    return len ? list : NULL;
}

const char *updraft_help_nearest(int count, char *const *words_given)
{
    const char *names[COMMAND_COUNT + 1];
    char joined[64];
    const char *near = NULL;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    names[COMMAND_COUNT] = NULL;
    if (count >= 2) {
        snprintf(joined, sizeof joined, "%s %s", words_given[0], words_given[1]);
        near = updraft_args_nearest(joined, names);
    }
    return near ? near : updraft_args_nearest(words_given[0], names);
}

void updraft_help_program(FILE *out)
{
    fputs("updraft: over-the-air updates for ESP32 and ESP8266, from the developer's desk\n"
          "\n"
          "Usage: updraft [--json] [--quiet] COMMAND [ARGUMENTS]\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-16s%s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "Every command takes --json (the result as one object), --quiet and --help; the first "
          "two may\n"
          "stand before it, too.\n"
          "'updraft COMMAND --help' explains one, 'updraft help exit-codes' what scripts can rely "
          "on.\n"
          "\n"
          "Examples:\n"
          "  updraft info build/garage.bin\n"
          "  updraft push build/garage.bin 192.168.1.50 --password secret\n",
          out);
}

static void print_options(const struct updraft_option *options)
{
    for (; options && options->name; options++) {
        char head[48];

        snprintf(head, sizeof head, "%c%c%s--%s%s%s", options->letter ? '-' : ' ',
                 options->letter ? options->letter : ' ', options->letter ? ", " : "  ",
                 options->name, options->value ? " " : "", options->value ? options->value : "");
        printf("  %-28s%s\n", head, options->help);
    }
}

void updraft_help_command(const struct updraft_command *command)
{
    printf("updraft %s: %s\n\nUsage: updraft %s %s\n\n%s\nOptions:\n", command->name,
           command->summary, command->name, command->usage, command->about);
    print_options(command->options);
    print_options(updraft_args_common);
    printf("\nExamples:\n%s", command->examples);
}

bool updraft_help_topic(int count, char *const *words)
{
    const struct updraft_command *command;
    int used;

    if (count == 0) {
        updraft_help_program(stdout);
        return true;
    }
    if (!strcmp(words[0], "exit-codes")) {
        fputs(exit_codes, stdout);
        return true;
    }
    command = updraft_help_find(count, words, &used);
    if (command) {
        updraft_help_command(command);
        return true;
    }
    if (!updraft_help_group(words[0]) || count > 1)
        return false;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (begins_with_word(commands[i]->name, words[0]))
            printf("updraft %s %s\n    %s\n", commands[i]->name, commands[i]->usage,
                   commands[i]->summary);
    return true;
}
