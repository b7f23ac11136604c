#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct updraft_option updraft_args_common[] = {
    {"json", 0, NULL, "print the result, or the error, as one JSON object"},
    {"quiet", 'q', NULL, "no progress and no remarks on the way"},
    {"help", 'h', NULL, "explain this command"},
    {0},
};

static const struct updraft_option *find_in(const struct updraft_option *options, const char *name,
                                            size_t name_len, char letter)
{
    for (; options && options->name; options++) {
        if (letter ? options->letter == letter
                   : strlen(options->name) == name_len && !memcmp(options->name, name, name_len))
            return options;
    }
    return NULL;
}

static const struct updraft_option *find_option(const struct updraft_command *command,
                                                const char *name, size_t name_len, char letter)
{
    const struct updraft_option *option = find_in(command->options, name, name_len, letter);

    return option ? option : find_in(updraft_args_common, name, name_len, letter);
}

static enum updraft_exit unknown_option(struct updraft_cli *cli, const char *given)
{
    const char *names[UPDRAFT_ARGS_OPTION_CAP + 1];
    size_t count = 0;
    char word[64];
    char remedy[200];
    const char *near;

    for (const struct updraft_option *o = cli->command->options; o && o->name; o++)
        if (count < UPDRAFT_ARGS_OPTION_CAP - 3)
            names[count++] = o->name;
    for (const struct updraft_option *o = updraft_args_common; o->name; o++)
        names[count++] = o->name;
    names[count] = NULL;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given, "="), given);
    near = updraft_args_nearest(word + strspn(word, "-"), names);
    if (near)
        snprintf(remedy, sizeof remedy, "Did you mean --%s?", near);
    else
        snprintf(remedy, sizeof remedy, "'updraft %s --help' lists the options.",
                 cli->command->name);
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy,
                            "there is no option %s", word);
}

static enum updraft_exit add_option(struct updraft_cli *cli, const struct updraft_option *option,
                                    const char *value)
{
    struct updraft_args *args = &cli->args;

    if (updraft_args_has(args, option->name) && option->value)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Give it once.",
                                "--%s is given twice", option->name);
    if (args->given_count == UPDRAFT_ARGS_OPTION_CAP)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Leave some out.",
                                "there are too many options");
    args->given[args->given_count].option = option;
    args->given[args->given_count].value = value;
    args->given_count++;
    return UPDRAFT_EXIT_OK;
}

/* Handles one word that begins with a dash; *used is 1, or 2 when its value is the next word. */
static enum updraft_exit parse_option(struct updraft_cli *cli, int left, char **words, int *used)
{
    const char *word = words[0];
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t name_len = strcspn(name, "=");
    const char *value = is_long && name[name_len] == '=' ? name + name_len + 1 : NULL;
    const struct updraft_option *option;

    if (!is_long && name[1])
        return unknown_option(cli, word);
    option = find_option(cli->command, name, name_len, is_long ? 0 : name[0]);
    if (!option)
        return unknown_option(cli, word);
    *used = 1;
    if (!option->value) {
        if (value)
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Leave the value out.",
                                    "--%s takes no value", option->name);
        return add_option(cli, option, "");
    }
    if (!value) {
        /* A forgotten value must not swallow the next option; --name=--value still can be said. */
        if (left < 2 || !strncmp(words[1], "--", 2))
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                    "Put the value behind it.", "--%s needs a value: %s",
                                    option->name, option->value);
        value = words[1];
        *used = 2;
    }
    return add_option(cli, option, value);
}

static enum updraft_exit check_positional(struct updraft_cli *cli)
{
    size_t count = cli->args.positional_count;
    char remedy[256];

    if (count >= cli->command->positional_min && count <= cli->command->positional_max)
        return UPDRAFT_EXIT_OK;
    snprintf(remedy, sizeof remedy, "Usage: updraft %s %s", cli->command->name,
             cli->command->usage);
    return updraft_fail_set(
        &cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy, "'updraft %s' %s", cli->command->name,
        count < cli->command->positional_min ? "needs more arguments"
                                             : "got more arguments than it takes");
}

enum updraft_exit updraft_args_parse(struct updraft_cli *cli, int argc, char **argv)
{
    struct updraft_args *args = &cli->args;
    bool only_positional = false;

    for (int i = 0; i < argc;) {
        int used = 1;

        if (!only_positional && !strcmp(argv[i], "--")) {
            only_positional = true;
        } else if (!only_positional && argv[i][0] == '-' && argv[i][1]) {
            enum updraft_exit exit = parse_option(cli, argc - i, argv + i, &used);

            if (exit != UPDRAFT_EXIT_OK)
                return exit;
        } else {
            /* One past the cap still counts, so that check_positional() can complain. */
            if (args->positional_count < UPDRAFT_ARGS_POSITIONAL_CAP)
                args->positional[args->positional_count] = argv[i];
            args->positional_count++;
        }
        i += used;
    }
    cli->json = cli->json || updraft_args_has(args, "json");
    cli->quiet = cli->quiet || updraft_args_has(args, "quiet");
    if (updraft_args_has(args, "help"))
        return UPDRAFT_EXIT_OK;
    return check_positional(cli);
}

bool updraft_args_has(const struct updraft_args *args, const char *name)
{
    return updraft_args_value(args, name) != NULL;
}

const char *updraft_args_value(const struct updraft_args *args, const char *name)
{
    for (size_t i = 0; i < args->given_count; i++)
        if (!strcmp(args->given[i].option->name, name))
            return args->given[i].value;
    return NULL;
}

static bool parse(const char *text, char **end, unsigned long long *value)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, end, strncasecmp(text, "0x", 2) ? 10 : 16);
    return errno == 0;
}

bool updraft_args_parse_number(const char *text, uint32_t *out)
{
    char *end;
    unsigned long long value;

    if (!parse(text, &end, &value) || *end || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

bool updraft_args_parse_size(const char *text, uint32_t *out)
{
    char *end;
    unsigned long long value;
    unsigned long long unit = 1;

    if (!parse(text, &end, &value))
        return false;
    if (!strcasecmp(end, "k") || !strcasecmp(end, "kb"))
        unit = 1024;
    else if (!strcasecmp(end, "m") || !strcasecmp(end, "mb"))
        unit = 1024 * 1024;
    else if (*end)
        return false;
    if (value > UINT32_MAX / unit)
        return false;
    *out = (uint32_t)(value * unit);
    return true;
}

/* The name of an option's value says what kind of number it is. */
struct number_kind {
    const char *value;
    bool (*parse)(const char *text, uint32_t *out);
    const char *remedy;
};

static const struct number_kind *number_kind(const struct updraft_args *args, const char *name)
{
    static const struct number_kind kinds[] = {
        {"SIZE", updraft_args_parse_size, "Write a size in bytes: 65536, 0x10000, 64K or 4MB."},
        {"ADDR", updraft_args_parse_size, "Write an address: 65536, 0x10000 or 64K."},
        {"PORT", updraft_args_parse_number, "Write a port number: 3232, 8080."},
        {"S", updraft_args_parse_number, "Write seconds, without a unit: 30."},
        {"N", updraft_args_parse_number, "Write a number without a unit."},
    };
    const size_t last = sizeof kinds / sizeof kinds[0] - 1;
    size_t kind = 0;

    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].option->name, name))
            continue;
        while (kind < last && strcmp(kinds[kind].value, args->given[i].option->value))
            kind++;
        return &kinds[kind];
    }
    return &kinds[last];
}

enum updraft_exit updraft_args_u32(struct updraft_cli *cli, const char *name, uint32_t min,
                                   uint32_t max, uint32_t *out)
{
    const char *text = updraft_args_value(&cli->args, name);
    const struct number_kind *kind;
    uint32_t value;

    if (!text)
        return UPDRAFT_EXIT_OK;
    kind = number_kind(&cli->args, name);
    if (!kind->parse(text, &value) || value < min || value > max)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", kind->remedy,
                                "--%s is '%s', but must be a number from %u to %u", name, text, min,
                                max);
    *out = value;
    return UPDRAFT_EXIT_OK;
}

#define NEAREST_WORD_CAP 32u

/* Edit distance: how many letters to insert, remove, change. */
static size_t distance(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    size_t row[NEAREST_WORD_CAP + 1];

    if (a_len > NEAREST_WORD_CAP || b_len > NEAREST_WORD_CAP)
        return NEAREST_WORD_CAP;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_len];
}

const char *updraft_args_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    size_t nearest_distance = 3; /* farther away is another word, not a slip */

    for (; *names; names++) {
        size_t d = distance(word, *names);

        if (d < nearest_distance && d < strlen(*names)) {
            nearest = *names;
            nearest_distance = d;
        }
    }
    return nearest;
}
