#include "cli/simulate/books.h"

#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "limit=1000"
/* The server keeps twenty attempts of a device: of more the ends cannot be counted. */
#define ATTEMPTS_COUNTED 20u

/* --- walking through a list, page by page --- */

struct walk {
    const char *list; /* "devices": also the name of the address */
    const char *cursor;
    /* False ends the walk. */
    bool (*visit)(void *ctx, const cJSON *object);
    void *ctx;
};

static bool next_path(const struct walk *walk, const cJSON *next, char *path, size_t path_cap)
{
    char text[128], escaped[256];

    if (cJSON_IsNumber(next))
        snprintf(text, sizeof text, "%.0f", next->valuedouble);
    else if (cJSON_IsString(next) && strlen(next->valuestring) < sizeof text)
        snprintf(text, sizeof text, "%s", next->valuestring);
    else
        return false;
    if (!updraft_http_escape(text, escaped, sizeof escaped))
        return false;
    snprintf(path, path_cap, "/api/v1/%s?" PAGE "&%s=%s", walk->list, walk->cursor, escaped);
    return true;
}

static enum updraft_exit walk_list(struct updraft_cli *cli, const struct updraft_server *server,
                                   const struct walk *walk)
{
    char path[400], asked[400] = "";
    bool goes_on = true;

    snprintf(path, sizeof path, "/api/v1/%s?" PAGE, walk->list);
    /* A cursor that does not move on would be asked for ever. */
    while (goes_on && strcmp(path, asked) != 0) {
        cJSON *page = NULL;
        const cJSON *object;
        const enum updraft_exit exit = updraft_server_call(cli, server, path, NULL, &page);

        if (exit != UPDRAFT_EXIT_OK)
            return exit;
        snprintf(asked, sizeof asked, "%s", path);
        cJSON_ArrayForEach(object, cJSON_GetObjectItemCaseSensitive(page, walk->list))
        {
            if (goes_on && !walk->visit(walk->ctx, object))
                goes_on = false;
        }
        goes_on = goes_on && next_path(walk, cJSON_GetObjectItemCaseSensitive(page, "next"), path,
                                       sizeof path);
        cJSON_Delete(page);
    }
    return UPDRAFT_EXIT_OK;
}

/* --- reading the server's objects --- */

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool read_state(const char *name, enum updraft_sim_state *state)
{
    for (size_t i = 0; i < UPDRAFT_SIM_STATE_COUNT; i++) {
        if (strcmp(updraft_sim_state_names[i], name) != 0)
            continue;
        *state = (enum updraft_sim_state)i;
        return true;
    }
    return false;
}

static struct updraft_sim_device *find(const struct updraft_sim_fleet *fleet, const char *id)
{
    uint32_t number;

    if (!updraft_sim_device_number(fleet->world, id, &number) || number >= fleet->count)
        return NULL;
    return &fleet->devices[number];
}

static bool adopt_device(void *ctx, const cJSON *object)
{
    struct updraft_sim_device *device = find(ctx, text_of(object, "id"));
    const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(object, "attempt");
    enum updraft_sim_state state = UPDRAFT_SIM_NONE;

    if (device) {
        (void)read_state(text_of(attempt, "state"), &state);
        updraft_sim_device_adopt(
            device, text_of(object, "version"),
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "confirmed")), state,
            text_of(attempt, "to"));
        device->book.was_sent = updraft_json_number(attempt, "progress") == 100;
    }
    return true;
}

static bool note_newest(void *ctx, const cJSON *attempt)
{
    *(double *)ctx = updraft_json_number(attempt, "id");
    return false;
}

enum updraft_exit updraft_sim_books_adopt(struct updraft_cli *cli,
                                          const struct updraft_server *server,
                                          struct updraft_sim_fleet *fleet, double *last_attempt)
{
    const struct walk devices = {"devices", "after", adopt_device, fleet};
    const struct walk attempts = {"attempts", "before", note_newest, last_attempt};
    enum updraft_exit exit = walk_list(cli, server, &devices);

    *last_attempt = 0;
    return exit == UPDRAFT_EXIT_OK ? walk_list(cli, server, &attempts) : exit;
}

/* --- comparing --- */

static bool differ(struct updraft_sim_difference *difference, const char *what, const char *truth,
                   const char *books)
{
    difference->what = what;
    snprintf(difference->truth, sizeof difference->truth, "%s", truth);
    snprintf(difference->books, sizeof difference->books, "%s", books);
    return true;
}

/* Of a device that tells nothing, the server concludes a failure from having sent all of the image; a
 * server that was killed may have forgotten that, which nobody was promised. */
static bool is_forgivable(const struct updraft_sim_device *device, enum updraft_sim_state end,
                          uint8_t books)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];

    return end == UPDRAFT_SIM_FAILED && !kind->tells && !kind->has_trial &&
           books < device->book.ends[end];
}

static bool ends_differ(const struct updraft_sim_device *device,
                        const uint8_t ends[UPDRAFT_SIM_STATE_COUNT],
                        struct updraft_sim_difference *difference)
{
    static const enum updraft_sim_state counted[] = {UPDRAFT_SIM_CONFIRMED, UPDRAFT_SIM_ROLLED_BACK,
                                                     UPDRAFT_SIM_FAILED};

    const struct updraft_sim_book *book = &device->book;

    if (book->begun >= ATTEMPTS_COUNTED)
        return false;
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        char truth[48], books[48];
        const char *name = updraft_sim_state_names[counted[i]];
        if (book->ends[counted[i]] == ends[counted[i]] ||
            is_forgivable(device, counted[i], ends[counted[i]]))
            continue;
        snprintf(truth, sizeof truth, "%u %s", (unsigned)book->ends[counted[i]], name);
        snprintf(books, sizeof books, "%u %s", (unsigned)ends[counted[i]], name);
        return differ(difference, "updates that ended", truth, books);
    }
    return false;
}

bool updraft_sim_book_differs(const struct updraft_sim_device *device, const cJSON *object,
                              const uint8_t ends[UPDRAFT_SIM_STATE_COUNT],
                              struct updraft_sim_difference *difference)
{
    const struct updraft_sim_book *book = &device->book;
    const cJSON *attempt = cJSON_GetObjectItemCaseSensitive(object, "attempt");
    const bool is_confirmed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "confirmed"));
    const char *state = cJSON_IsObject(attempt) ? text_of(attempt, "state") : "none";

    if (!book->is_known && !object)
        return false;
    if (!book->is_known || !object)
        return differ(difference, "known", book->is_known ? "yes" : "no", object ? "yes" : "no");
    if (strcmp(book->version, text_of(object, "version")) != 0)
        return differ(difference, "version", book->version, text_of(object, "version"));
    if (book->is_confirmed != is_confirmed)
        return differ(difference, "confirmed", book->is_confirmed ? "yes" : "no",
                      is_confirmed ? "yes" : "no");
    if (strcmp(updraft_sim_state_names[book->state], state) != 0)
        return differ(difference, "state of the newest update",
                      updraft_sim_state_names[book->state], state);
    if (strcmp(book->to, text_of(attempt, "to")) != 0)
        return differ(difference, "target of the newest update", book->to, text_of(attempt, "to"));
    return ends_differ(device, ends, difference);
}

struct compare {
    const struct updraft_sim_fleet *fleet;
    struct updraft_sim_comparison *comparison;
    double last_attempt;
    uint8_t (*ends)[UPDRAFT_SIM_STATE_COUNT]; /* by device */
    bool *seen;
};

static bool count_attempt(void *ctx, const cJSON *attempt)
{
    struct compare *compare = ctx;
    const struct updraft_sim_device *device = find(compare->fleet, text_of(attempt, "device"));
    enum updraft_sim_state state;

    if (updraft_json_number(attempt, "id") <= compare->last_attempt)
        return false;
    if (device && read_state(text_of(attempt, "state"), &state)) {
        compare->ends[device->number][state]++;
        compare->comparison->ends[state]++;
    }
    return true;
}

static void compare_device(struct compare *compare, const struct updraft_sim_device *device,
                           const cJSON *object)
{
    struct updraft_sim_comparison *comparison = compare->comparison;
    struct updraft_sim_difference difference;
    char mac[UPDRAFT_SIM_MAC_CAP];

    compare->seen[device->number] = true;
    if (device->is_uncertain) {
        comparison->uncertain++;
        return;
    }
    comparison->compared++;
    if (!updraft_sim_book_differs(device, object, compare->ends[device->number], &difference))
        return;
    if (comparison->differences++ >= UPDRAFT_SIM_DIFFERENCES_SHOWN)
        return;
    cJSON *row = cJSON_CreateObject();
    updraft_sim_device_mac(compare->fleet->world, device->number, mac);
    cJSON_AddStringToObject(row, "device", mac);
    cJSON_AddStringToObject(row, "kind", updraft_sim_kinds[device->kind].name);
    cJSON_AddStringToObject(row, "what", difference.what);
    cJSON_AddStringToObject(row, "truth", difference.truth);
    cJSON_AddStringToObject(row, "books", difference.books);
    cJSON_AddItemToArray(comparison->list, row);
}

static bool compare_object(void *ctx, const cJSON *object)
{
    struct compare *compare = ctx;
    const struct updraft_sim_device *device = find(compare->fleet, text_of(object, "id"));

    if (device && !compare->seen[device->number])
        compare_device(compare, device, object);
    return true;
}

enum updraft_exit updraft_sim_books_compare(struct updraft_cli *cli,
                                            const struct updraft_server *server,
                                            const struct updraft_sim_fleet *fleet,
                                            double last_attempt,
                                            struct updraft_sim_comparison *comparison)
{
    struct compare compare = {.fleet = fleet,
                              .comparison = comparison,
                              .last_attempt = last_attempt,
                              .ends = calloc(fleet->count, sizeof *compare.ends),
                              .seen = calloc(fleet->count, sizeof *compare.seen)};
    const struct walk attempts = {"attempts", "before", count_attempt, &compare};
    const struct walk devices = {"devices", "after", compare_object, &compare};
    enum updraft_exit exit;

    if (!compare.ends || !compare.seen)
        exit = updraft_fail_set(&cli->fail, UPDRAFT_EXIT_FAILED, "no_memory",
                                "Simulate fewer devices.", "there is not enough memory");
    else
        exit = walk_list(cli, server, &attempts);
    if (exit == UPDRAFT_EXIT_OK)
        exit = walk_list(cli, server, &devices);
    /* Those of which the server has nothing. */
    for (uint32_t i = 0; exit == UPDRAFT_EXIT_OK && i < fleet->count; i++) {
        const struct updraft_sim_device *device = &fleet->devices[i];
        if (!compare.seen[i] && updraft_sim_kinds[device->kind].has_name)
            compare_device(&compare, device, NULL);
    }
    free(compare.ends);
    free(compare.seen);
    return exit;
}
