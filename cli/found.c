#include "cli/found.h"

#include "format/chip.h"
#include "format/version.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_device(const struct updraft_found *a, const struct updraft_found *b)
{
    if (strcmp(a->address, b->address))
        return false;
    return (a->ota_port && a->ota_port == b->ota_port) ||
           (a->http_port && a->http_port == b->http_port);
}

static void fill(char *to, const char *from, size_t cap)
{
    if (!to[0])
        snprintf(to, cap, "%s", from);
}

/* What ours says goes before what the stock service says: an instance may bear another name. */
static void merge(struct updraft_found *into, const struct updraft_found *more)
{
    if (more->by_updraft && !into->by_updraft && more->name[0])
        snprintf(into->name, sizeof into->name, "%s", more->name);
    fill(into->name, more->name, sizeof into->name);
    fill(into->host, more->host, sizeof into->host);
    fill(into->chip, more->chip, sizeof into->chip);
    fill(into->board, more->board, sizeof into->board);
    fill(into->product, more->product, sizeof into->product);
    fill(into->version, more->version, sizeof into->version);
    fill(into->ways, more->ways, sizeof into->ways);
    if (!into->http_port)
        into->http_port = more->http_port;
    if (!into->ota_port)
        into->ota_port = more->ota_port;
    if (into->password == UPDRAFT_FOUND_PASSWORD_UNKNOWN)
        into->password = more->password;
    into->by_updraft |= more->by_updraft;
    into->by_arduino |= more->by_arduino;
}

bool updraft_found_add(struct updraft_found_list *list, const struct updraft_found *found)
{
    for (size_t i = 0; i < list->count; i++) {
        if (same_device(&list->items[i], found)) {
            merge(&list->items[i], found);
            return true;
        }
    }
    if (list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 16;
        struct updraft_found *items = realloc(list->items, cap * sizeof *items);

        if (!items)
            return false;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = *found;
    return true;
}

static int order(const void *a, const void *b)
{
    const struct updraft_found *left = a;
    const struct updraft_found *right = b;
    int by_name = strcmp(left->name, right->name);
    int by_address = strcmp(left->address, right->address);

    if (by_name || by_address)
        return by_name ? by_name : by_address;
    return left->ota_port - right->ota_port;
}

void updraft_found_sort(struct updraft_found_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, order);
}

void updraft_found_free(struct updraft_found_list *list)
{
    free(list->items);
    *list = (struct updraft_found_list){0};
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    if (text[0])
        cJSON_AddStringToObject(object, key, text);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_ways(cJSON *object, const char *ways)
{
    cJSON *list = cJSON_AddArrayToObject(object, "ways");

    while (*ways) {
        char way[32];
        size_t len = strcspn(ways, ",");

        snprintf(way, sizeof way, "%.*s", (int)(len < sizeof way ? len : sizeof way - 1), ways);
        cJSON_AddItemToArray(list, cJSON_CreateString(way));
        ways += len + (ways[len] == ',');
    }
}

void updraft_found_to_json(const struct updraft_found *found, cJSON *object)
{
    cJSON *services;

    add_text(object, "name", found->name);
    add_text(object, "address", found->address);
    add_text(object, "host", found->host);
    if (found->http_port)
        cJSON_AddNumberToObject(object, "http_port", found->http_port);
    if (found->ota_port)
        cJSON_AddNumberToObject(object, "ota_port", found->ota_port);
    add_text(object, "chip", found->chip);
    add_text(object, "board", found->board);
    add_text(object, "product", found->product);
    add_text(object, "version", found->version);
    if (found->password == UPDRAFT_FOUND_PASSWORD_UNKNOWN)
        cJSON_AddNullToObject(object, "password");
    else
        cJSON_AddBoolToObject(object, "password", found->password == UPDRAFT_FOUND_PASSWORD_YES);
    add_ways(object, found->ways);
    services = cJSON_AddArrayToObject(object, "services");
    if (found->by_updraft)
        cJSON_AddItemToArray(services, cJSON_CreateString("updraft"));
    if (found->by_arduino)
        cJSON_AddItemToArray(services, cJSON_CreateString("arduino"));
}

enum updraft_exit updraft_found_read_filter(struct updraft_cli *cli,
                                            struct updraft_found_filter *filter)
{
    const struct updraft_chip *chip;

    filter->name = updraft_args_value(&cli->args, "name");
    filter->product = updraft_args_value(&cli->args, "product");
    filter->older_than = updraft_args_value(&cli->args, "older-than");
    filter->chip = updraft_args_value(&cli->args, "chip");
    if (!filter->chip)
        return UPDRAFT_EXIT_OK;
    chip = updraft_chip_by_name(filter->chip);
    if (!chip)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Write it as esp32, esp32s3, esp8266.", "there is no chip '%s'",
                                filter->chip);
    filter->chip = chip->slug;
    return UPDRAFT_EXIT_OK;
}

bool updraft_found_filter_is_empty(const struct updraft_found_filter *filter)
{
    return !filter->name && !filter->product && !filter->older_than && !filter->chip;
}

bool updraft_found_matches(const struct updraft_found *found,
                           const struct updraft_found_filter *filter)
{
    if (filter->name && fnmatch(filter->name, found->name, 0))
        return false;
    if (filter->chip && strcmp(filter->chip, found->chip))
        return false;
    if (filter->product && strcmp(filter->product, found->product))
        return false;
    return !filter->older_than ||
           (found->version[0] && updraft_version_compare(found->version, filter->older_than) < 0);
}
