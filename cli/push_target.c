#include "cli/push_target.h"

#include "cli/browse.h"
#include "cli/file.h"
#include "cli/found.h"
#include "format/chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BROWSE_MS 3000u

static bool is_known(const struct updraft_push_targets *targets,
                     const struct updraft_push_target *target)
{
    for (size_t i = 0; i < targets->count; i++) {
        const struct updraft_push_target *other = &targets->items[i];

        if (!strcmp(other->host, target->host) && other->given_port == target->given_port &&
            other->http_port == target->http_port && other->ota_port == target->ota_port)
            return true;
    }
    return false;
}

static enum updraft_exit add(struct updraft_cli *cli, struct updraft_push_targets *targets,
                             const struct updraft_push_target *target)
{
    if (is_known(targets, target))
        return UPDRAFT_EXIT_OK;
    if (targets->count == targets->cap) {
        size_t cap = targets->cap ? 2 * targets->cap : 16;
        struct updraft_push_target *items = realloc(targets->items, cap * sizeof *items);

        if (!items)
            return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "no_memory", "",
                                    "out of memory");
        targets->items = items;
        targets->cap = cap;
    }
    targets->items[targets->count++] = *target;
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit add_address(struct updraft_cli *cli, struct updraft_push_targets *targets,
                                     const char *address, const char *password)
{
    struct updraft_push_target target = {0};
    enum updraft_exit exit =
        updraft_address_read(address, target.host, &target.given_port, &cli->fail);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    snprintf(target.label, sizeof target.label, "%s", address);
    snprintf(target.password, sizeof target.password, "%s", password);
    return add(cli, targets, &target);
}

/* "ADDRESS [password=TEXT]"; a '#' begins a remark where a word would. The password is the rest of
 * the line: it may hold anything. */
static enum updraft_exit read_line(struct updraft_cli *cli, struct updraft_push_targets *targets,
                                   char *line)
{
    static const char blanks[] = " \t\r";
    static const char key[] = "password=";
    char *address = line + strspn(line, blanks);
    char *rest = address + strcspn(address, blanks);
    size_t len;

    if (!*address || *address == '#')
        return UPDRAFT_EXIT_OK;
    if (*rest)
        *rest++ = '\0';
    rest += strspn(rest, blanks);
    len = strlen(rest);
    while (len > 0 && strchr(blanks, rest[len - 1]))
        rest[--len] = '\0';
    if (!*rest || *rest == '#')
        return add_address(cli, targets, address, "");
    if (strncmp(rest, key, sizeof key - 1))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "bad_list",
                                "Write one device a line: ADDRESS, or ADDRESS password=TEXT.",
                                "'%s' is not understood", rest);
    if (len - (sizeof key - 1) >= sizeof targets->items->password)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "bad_list",
                                "A password has at most 63 bytes.", "the password is too long");
    return add_address(cli, targets, address, rest + sizeof key - 1);
}

static enum updraft_exit read_list(struct updraft_cli *cli, const char *path,
                                   struct updraft_push_targets *targets)
{
    struct updraft_file file = {0};
    enum updraft_exit exit = updraft_file_read(path, &file, &cli->fail);
    size_t at = 0;
    unsigned line_number = 0;

    while (exit == UPDRAFT_EXIT_OK && at < file.len) {
        const char *start = (const char *)file.data + at;
        const char *end = memchr(start, '\n', file.len - at);
        size_t len = end ? (size_t)(end - start) : file.len - at;
        char line[512];

        line_number++;
        at += len + 1;
        if (len >= sizeof line || memchr(start, '\0', len)) {
            exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_INPUT, "bad_list",
                                    "Write one device a line: ADDRESS, or ADDRESS password=TEXT.",
                                    "this is no list of devices");
        } else {
            memcpy(line, start, len);
            line[len] = '\0';
            exit = read_line(cli, targets, line);
        }
        if (exit != UPDRAFT_EXIT_OK) /* a file's address is no usage error */
            exit =
                updraft_fail_wrap(&cli->fail, UPDRAFT_EXIT_INPUT, "%s, line %u", path, line_number);
    }
    updraft_file_free(&file);
    return exit;
}

/* Of what was found: this image's chip where one is named. A stock device does not say what product
 * it is, so one is taken only when it is meant by name. */
static bool is_meant(const struct updraft_found *found, const struct updraft_found_filter *filter,
                     const struct updraft_image_info *image)
{
    const struct updraft_chip *chip = updraft_chip_by_name(found->chip);

    if (!updraft_found_matches(found, filter) || (chip && chip->id != image->chip_id))
        return false;
    return found->by_updraft || filter->name;
}

enum updraft_exit updraft_push_targets_read(struct updraft_cli *cli,
                                            struct updraft_push_targets *targets)
{
    const char *list = updraft_args_value(&cli->args, "list");
    bool discovers = updraft_args_has(&cli->args, "discover");
    struct updraft_found_filter filter;
    enum updraft_exit exit = updraft_found_read_filter(cli, &filter);

    if (exit == UPDRAFT_EXIT_OK && !discovers && !updraft_found_filter_is_empty(&filter))
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Add --discover.",
                                "--name, --chip, --product and --older-than choose among "
                                "discovered devices");
    for (size_t i = 1; i < cli->args.positional_count && exit == UPDRAFT_EXIT_OK; i++)
        exit = add_address(cli, targets, cli->args.positional[i], "");
    if (exit == UPDRAFT_EXIT_OK && list)
        exit = read_list(cli, list, targets);
    if (exit == UPDRAFT_EXIT_OK && targets->count == 0 && !discovers)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Name one behind the file, or use --list FILE or --discover.",
                                "there is no device to push to");
    return exit;
}

static enum updraft_exit none_found(struct updraft_cli *cli, size_t announced)
{
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_NETWORK, "none_found",
                            "'updraft discover' lists what there is. Arduino's own devices are "
                            "taken only when --name means them.",
                            "%zu device%s announced, but none that this image is for", announced,
                            announced == 1 ? " is" : "s are");
}

static enum updraft_exit add_found(struct updraft_cli *cli, const struct updraft_found *found,
                                   struct updraft_push_targets *targets)
{
    struct updraft_push_target target = {
        .http_port = found->http_port,
        .ota_port = found->ota_port,
    };

    snprintf(target.label, sizeof target.label, "%s", found->name);
    snprintf(target.host, sizeof target.host, "%s", found->address);
    return add(cli, targets, &target);
}

enum updraft_exit updraft_push_targets_discover(struct updraft_cli *cli,
                                                const struct updraft_image_info *image,
                                                struct updraft_push_targets *targets)
{
    struct updraft_found_list list = {0};
    struct updraft_found_filter filter;
    enum updraft_exit exit = updraft_found_read_filter(cli, &filter);
    size_t before = targets->count;
    const char *reason;

    if (exit != UPDRAFT_EXIT_OK || !updraft_args_has(&cli->args, "discover"))
        return exit;
    if (!updraft_browse(&list, BROWSE_MS, &reason))
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_NETWORK, "no_mdns",
                                "Start avahi-daemon, or name the devices, or put them in a --list.",
                                "this computer cannot look for devices by mDNS: %s", reason);
    updraft_found_sort(&list);
    for (size_t i = 0; i < list.count && exit == UPDRAFT_EXIT_OK; i++)
        if (is_meant(&list.items[i], &filter, image))
            exit = add_found(cli, &list.items[i], targets);
    if (exit == UPDRAFT_EXIT_OK && targets->count == before)
        exit = none_found(cli, list.count);
    updraft_found_free(&list);
    return exit;
}

void updraft_push_targets_free(struct updraft_push_targets *targets)
{
    free(targets->items);
    *targets = (struct updraft_push_targets){0};
}
