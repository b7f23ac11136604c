/* The command table: what every command is called, takes, explains and does.
 *
 * A command fills a JSON object and never prints its result itself; `show` turns the same object
 * into text. So `--json` and the text cannot disagree. Its words on the way (steps, progress) go to
 * stderr.
 *
 * Owns: the shape of a command and the parsed command line. */
#ifndef UPDRAFT_CLI_COMMAND_H
#define UPDRAFT_CLI_COMMAND_H

#include "cli/fail.h"

#include <cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct updraft_option {
    const char *name;  /* without dashes */
    char letter;       /* "-o"; 0: none */
    const char *value; /* its name in the help; NULL: a flag */
    const char *help;
};

#define UPDRAFT_ARGS_POSITIONAL_CAP 255u
#define UPDRAFT_ARGS_POSITIONAL_ANY UPDRAFT_ARGS_POSITIONAL_CAP /* as positional_max */
#define UPDRAFT_ARGS_OPTION_CAP     32u

struct updraft_args {
    size_t positional_count;
    const char *positional[UPDRAFT_ARGS_POSITIONAL_CAP];
    size_t given_count;
    struct {
        const struct updraft_option *option;
        const char *value;
    } given[UPDRAFT_ARGS_OPTION_CAP];
};

struct updraft_command;

struct updraft_cli {
    const struct updraft_command *command;
    struct updraft_args args;
    bool json;
    bool quiet;
    struct updraft_fail fail;
};

struct updraft_command {
    const char *name;    /* one word, or two: "flash make" */
    const char *summary; /* one line */
    const char *usage;   /* what follows the name */
    const char *about;   /* paragraphs */
    const char *examples;
    const struct updraft_option *options; /* ends with an empty name; may be NULL */
    uint8_t positional_min;
    uint8_t positional_max;
    /* Fills `result`, an empty object; on failure cli->fail, and result as far as it is known. */
    enum updraft_exit (*run)(struct updraft_cli *cli, cJSON *result);
    /* Prints `result` as text to stdout; called after failures too when it is not empty. */
    void (*show)(const struct updraft_cli *cli, const cJSON *result);
};

/* One file per command (or per family). */
extern const struct updraft_command updraft_command_info;
extern const struct updraft_command updraft_command_partitions;
extern const struct updraft_command updraft_command_flash_make;
extern const struct updraft_command updraft_command_flash_show;
extern const struct updraft_command updraft_command_flash_boot;
extern const struct updraft_command updraft_command_flash_set_boot;
extern const struct updraft_command updraft_command_flash_refused;
extern const struct updraft_command updraft_command_image_make;
extern const struct updraft_command updraft_command_image_combine;
extern const struct updraft_command updraft_command_push;
extern const struct updraft_command updraft_command_discover;
extern const struct updraft_command updraft_command_doctor;
extern const struct updraft_command updraft_command_login;
extern const struct updraft_command updraft_command_publish;
extern const struct updraft_command updraft_command_devices;
extern const struct updraft_command updraft_command_devices_set;
extern const struct updraft_command updraft_command_boards;
extern const struct updraft_command updraft_command_boards_set;
extern const struct updraft_command updraft_command_releases;
extern const struct updraft_command updraft_command_releases_withdraw;
extern const struct updraft_command updraft_command_releases_prune;
extern const struct updraft_command updraft_command_releases_set;
extern const struct updraft_command updraft_command_channels;
extern const struct updraft_command updraft_command_channels_set;
extern const struct updraft_command updraft_command_rollout_preview;
extern const struct updraft_command updraft_command_rollout_start;
extern const struct updraft_command updraft_command_rollout_list;
extern const struct updraft_command updraft_command_rollout_show;
extern const struct updraft_command updraft_command_rollout_pause;
extern const struct updraft_command updraft_command_rollout_resume;
extern const struct updraft_command updraft_command_rollout_abort;
extern const struct updraft_command updraft_command_rollout_retry;
extern const struct updraft_command updraft_command_token_add;
extern const struct updraft_command updraft_command_token_list;
extern const struct updraft_command updraft_command_token_revoke;
extern const struct updraft_command updraft_command_audit;
extern const struct updraft_command updraft_command_webhook_add;
extern const struct updraft_command updraft_command_webhook_list;
extern const struct updraft_command updraft_command_webhook_test;
extern const struct updraft_command updraft_command_webhook_remove;
extern const struct updraft_command updraft_command_simulate;
extern const struct updraft_command updraft_command_errors;
extern const struct updraft_command updraft_command_version;

/* Parses argv behind the command's name. Options every command has: --json, --quiet, --help. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_args_parse(struct updraft_cli *cli, int argc,
                                                        char **argv);
/* For listings of what every command takes. */
extern const struct updraft_option updraft_args_common[];

bool updraft_args_has(const struct updraft_args *args, const char *name);
/* NULL when not given. */
const char *updraft_args_value(const struct updraft_args *args, const char *name);

/* Numbers: decimal or 0x hex; where the option's value is a SIZE or an ADDR also with K, KB, M or MB
 * behind. *out untouched when not given. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_args_u32(struct updraft_cli *cli, const char *name,
                                                      uint32_t min, uint32_t max, uint32_t *out);
bool updraft_args_parse_size(const char *text, uint32_t *out);
bool updraft_args_parse_number(const char *text, uint32_t *out); /* without unit */

/* The nearest of `names` (ends with NULL) to a mistyped word; NULL when none is near. */
const char *updraft_args_nearest(const char *word, const char *const *names);

#endif
