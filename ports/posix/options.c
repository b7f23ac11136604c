#include "ports/posix/options.h"

#include "format/ptable.h"
#include "ports/posix/log.h"
#include "updraft_version.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_CAP  64u
#define OPT_FIRST   256 /* row i has this + i, so that no option is a letter */
#define OPT_HELP    1
#define OPT_VERSION 2
#define HELP_COLUMN 24
#define CHOICE_CAP  120u

static bool find_choice(const struct updraft_option_choice *choices, const char *name, int *value)
{
    for (; choices->name; choices++) {
        if (strcmp(choices->name, name) == 0) {
            *value = choices->value;
            return true;
        }
    }
    return false;
}

bool updraft_behaviour_by_name(const char *name, enum updraft_behaviour *behaviour)
{
    int value;
    if (!find_choice(updraft_behaviour_choices, name, &value))
        return false;
    *behaviour = (enum updraft_behaviour)value;
    return true;
}

static bool take_choice(const struct updraft_option_row *row, const char *text, void *member)
{
    int value;
    if (find_choice(row->choices, text, &value)) {
        memcpy(member, &value, sizeof value); /* an enum without negative values */
        return true;
    }
    char known[CHOICE_CAP] = "";
    for (const struct updraft_option_choice *choice = row->choices; choice->name; choice++) {
        size_t len = strlen(known);
        snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", choice->name);
    }
    updraft_log_warn("--%s '%s' is not known; it is one of: %s", row->name, text, known);
    return false;
}

static bool take_number(const struct updraft_option_row *row, const char *text, void *member)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number >= row->min &&
        number <= row->max) {
        *(uint32_t *)member = (uint32_t)number;
        return true;
    }
    updraft_log_warn("--%s takes a number from %u to %u, not '%s'", row->name, (unsigned)row->min,
                     (unsigned)row->max, text);
    return false;
}

static bool take_text(const struct updraft_option_row *row, const char *text, void *member)
{
    *(const char **)member = text;
    if (text[0])
        return true;
    updraft_log_warn("--%s needs a text that is not empty", row->name);
    return false;
}

static bool take(const struct updraft_option_row *row, const char *text,
                 struct updraft_options *options)
{
    void *member = (char *)options + row->member;
    switch (row->kind) {
    case UPDRAFT_OPTION_HEADING:
        break;
    case UPDRAFT_OPTION_FLAG:
        *(bool *)member = true;
        return true;
    case UPDRAFT_OPTION_TEXT:
        return take_text(row, text, member);
    case UPDRAFT_OPTION_NUMBER:
        return take_number(row, text, member);
    case UPDRAFT_OPTION_CHOICE:
        return take_choice(row, text, member);
    case UPDRAFT_OPTION_OTHER:
        return row->take(text, options);
    }
    return false;
}

static void print_row(const struct updraft_option_row *row)
{
    const char *line = row->help;
    int column = printf("  --%s%s%s", row->name, row->arg ? " " : "", row->arg ? row->arg : "");
    if (column > HELP_COLUMN - 2) {
        putchar('\n');
        column = 0;
    }
    while (*line) {
        int len = (int)strcspn(line, "\n");
        printf("%*s%.*s\n", HELP_COLUMN - column, "", len, line);
        line += line[len] ? len + 1 : len;
        column = 0;
    }
}

static void print_help(void)
{
    fputs(updraft_options_intro, stdout);
    for (size_t i = 0; i < updraft_option_row_count; i++) {
        const struct updraft_option_row *row = &updraft_option_rows[i];
        if (row->kind == UPDRAFT_OPTION_HEADING)
            printf("\n%s:\n", row->help);
        else
            print_row(row);
    }
    fputs("  --help, --version\n", stdout);
    fputs(updraft_options_outro, stdout);
}

static enum updraft_options_next wrong(void)
{
    fputs("Try 'updraft-device --help': it shows a complete example.\n", stderr);
    return UPDRAFT_OPTIONS_WRONG;
}

static enum updraft_options_next check_complete(int argc, char **argv,
                                                const struct updraft_options *options)
{
    if (optind < argc) {
        updraft_log_warn("'%s' is no option", argv[optind]);
        return wrong();
    }
    if (!options->flash_path || !options->board_path) {
        updraft_log_warn("%s is missing", options->flash_path ? "--board FILE" : "--flash FILE");
        return wrong();
    }
    if (options->stock_boot && !options->one_place) {
        updraft_log_warn("--stock-boot needs a --layout of an ESP8266");
        return wrong();
    }
    if (options->one_place && (options->table_path || options->flash_size || options->old_sdk)) {
        updraft_log_warn("--layout says all of a new flash; leave out %s",
                         options->table_path   ? "--table"
                         : options->flash_size ? "--flash-size"
                                               : "--old-sdk");
        return wrong();
    }
    return UPDRAFT_OPTIONS_RUN;
}

static void list_options(struct option *known)
{
    for (size_t i = 0; i < updraft_option_row_count; i++) {
        const struct updraft_option_row *row = &updraft_option_rows[i];
        if (row->kind != UPDRAFT_OPTION_HEADING)
            *known++ = (struct option){row->name, row->arg ? required_argument : no_argument, NULL,
                                       OPT_FIRST + (int)i};
    }
    *known++ = (struct option){"help", no_argument, NULL, OPT_HELP};
    *known++ = (struct option){"version", no_argument, NULL, OPT_VERSION};
    *known = (struct option){NULL, 0, NULL, 0};
}

enum updraft_options_next updraft_options_parse(int argc, char **argv,
                                                struct updraft_options *options)
{
    struct option known[OPTION_CAP + 3];
    if (updraft_option_row_count > OPTION_CAP)
        abort();
    list_options(known);
    *options = (struct updraft_options){
        .listen = "127.0.0.1",
        .table_off = UPDRAFT_PTABLE_DEFAULT_OFF,
        .cut = UPDRAFT_NOR_CUT_RANDOM,
        .network = UPDRAFT_OVMS_NETWORK_WIFI,
        .restart_ms = 1000,
        .health_s = 10,
        .stall_s = 30,
        .attempts = 3,
    };
    opterr = 0;
    for (;;) {
        int id = getopt_long(argc, argv, ":", known, NULL);
        if (id < 0)
            return check_complete(argc, argv, options);
        if (id == OPT_HELP) {
            print_help();
            return UPDRAFT_OPTIONS_SHOWN;
        }
        if (id == OPT_VERSION) {
            fputs("updraft-device " UPDRAFT_VERSION "\n", stdout);
            return UPDRAFT_OPTIONS_SHOWN;
        }
        if (id == ':' || id == '?') {
            updraft_log_warn(id == ':' ? "%s needs a value" : "there is no option '%s'",
                             argv[optind - 1]);
            return wrong();
        }
        if (!take(&updraft_option_rows[id - OPT_FIRST], optarg, options))
            return wrong();
    }
}
