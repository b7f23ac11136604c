#include "server/care/care.h"

#include "format/chip.h"
#include "format/package.h"
#include "server/care/copy.h"
#include "server/clock.h"
#include "server/json.h"
#include "server/store/postgres.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_WHOLE = 0, EXIT_CANNOT = 1, EXIT_USAGE = 2, EXIT_FLAWED = 3 };

static const char usage[] =
    "updraftd backup, restore, verify: take care of what updraftd keeps\n"
    "\n"
    "  updraftd backup --data DIR --to COPY [--artifacts DIR] [--json]\n"
    "  updraftd restore --from COPY --data DIR [--json]\n"
    "  updraftd verify --data DIR [--database URL] [--artifacts DIR] [--json]\n"
    "\n"
    "backup copies database, images and token into the new directory COPY, also while a server\n"
    "runs on DIR and is busy. What has the name COPY is complete and on the disk. It is a data\n"
    "directory like any other: keep it as safe as the token in it.\n"
    "restore makes the new data directory DIR from it. verify reads the database and every image\n"
    "from end to end and compares digests; it works on a COPY, too, and beside a running server.\n"
    "\n"
    "With the fleet in PostgreSQL, pg_dump and pg_restore copy the database; copy the directory\n"
    "of the images after it, with any tool: an image never changes.\n"
    "\n"
    "Exit codes: 0 all is whole, 1 it cannot be done, 2 wrong usage, 3 it is done, but images are\n"
    "missing or damaged, and it said which.\n";

struct order {
    const char *verb;
    const char *data_dir;
    const char *from;
    const char *to;
    const char *database;
    const char *artifacts_dir;
    bool json;
};

static const char *const verbs[] = {"backup", "restore", "verify"};

bool updraft_care_named(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[1], verbs[i]) == 0)
            return true;
    }
    return false;
}

/* --- what came out --- */

static const char *flaw_name(enum updraft_artifact_result result)
{
    return result == UPDRAFT_ARTIFACT_MISSING   ? "missing"
           : result == UPDRAFT_ARTIFACT_CORRUPT ? "damaged"
                                                : "unreadable";
}

static const char flaw_remedy[] =
    "Publish the same file again, or bring it back from a backup that has it.";

static const char *kind_of(uint16_t id)
{
    const struct updraft_chip *chip = updraft_chip_by_id(id);
    const struct updraft_package *package = updraft_package_by_id(id);

    return chip != NULL ? chip->slug : package != NULL ? package->slug : "";
}

static void put_json(struct updraft_json *json)
{
    size_t len;

    updraft_json_close(json, '}');
    char *text = updraft_json_finish(json, &len);
    puts(text);
    free(text);
}

static void tell_json(const struct updraft_fleet *fleet, const struct updraft_image_walk *walk)
{
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_bool(&json, "ok", walk->flaw_count == 0);
    updraft_json_number(&json, "products", (int64_t)fleet->product_count);
    updraft_json_number(&json, "releases", (int64_t)fleet->release_count);
    updraft_json_number(&json, "devices", (int64_t)fleet->device_count);
    updraft_json_number(&json, "attempts", (int64_t)fleet->attempt_count);
    updraft_json_number(&json, "images", (int64_t)walk->count);
    updraft_json_number(&json, "image_bytes", (int64_t)walk->bytes);
    updraft_json_open(&json, "problems", '[');
    for (size_t i = 0; i < walk->flaw_count; i++) {
        const struct updraft_image_flaw *flaw = &walk->flaws[i];
        updraft_json_open(&json, NULL, '{');
        updraft_json_text(&json, "problem", flaw_name(flaw->result));
        updraft_json_hex(&json, "sha256", flaw->image->sha256, sizeof flaw->image->sha256);
        updraft_json_text(&json, "product", flaw->release->product->row.name);
        updraft_json_text(&json, "version", flaw->release->row.version);
        updraft_json_text(&json, "chip", kind_of(flaw->image->chip));
        updraft_json_text(&json, "remedy", flaw_remedy);
        updraft_json_close(&json, '}');
    }
    updraft_json_close(&json, ']');
    put_json(&json);
}

static void tell_text(const struct order *order, const struct updraft_fleet *fleet,
                      const struct updraft_image_walk *walk)
{
    bool copied = order->to != NULL;

    printf("%s %zu products, %zu releases, %zu devices, %zu attempts; %zu images, %" PRIu64
           " bytes%s%s\n",
           copied ? "copied" : "whole:", fleet->product_count, fleet->release_count,
           fleet->device_count, fleet->attempt_count, walk->count, walk->bytes,
           copied ? " to " : "", copied ? order->to : "");
    for (size_t i = 0; i < walk->flaw_count; i++) {
        const struct updraft_image_flaw *flaw = &walk->flaws[i];
        fprintf(stderr, "%s: image ", flaw_name(flaw->result));
        for (size_t k = 0; k < sizeof flaw->image->sha256; k++)
            fprintf(stderr, "%02x", flaw->image->sha256[k]);
        fprintf(stderr, " of %s %s for %s\n", flaw->release->product->row.name,
                flaw->release->row.version, kind_of(flaw->image->chip));
    }
    if (walk->flaw_count > 0)
        fprintf(stderr, "%s\n", flaw_remedy);
}

static int tell_failure(const struct order *order, const struct updraft_care_problem *problem)
{
    struct updraft_json json;

    if (!order->json) {
        fprintf(stderr, "updraftd %s: %s\n%s\n", order->verb, problem->text, problem->remedy);
        return EXIT_CANNOT;
    }
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_bool(&json, "ok", false);
    updraft_json_open(&json, "error", '{');
    updraft_json_text(&json, "message", problem->text);
    updraft_json_text(&json, "remedy", problem->remedy);
    updraft_json_close(&json, '}');
    put_json(&json);
    return EXIT_CANNOT;
}

/* --- verify --- */

static void load_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

/* PostgreSQL checks its own pages and references; here each row is read and checked. */
static bool load_shared(const char *url, struct updraft_fleet *fleet,
                        struct updraft_care_problem *problem)
{
    struct updraft_store_problem why;
    struct updraft_store store;

    updraft_fleet_init(fleet, updraft_clock_wall_ms());
    enum updraft_store_result result = updraft_postgres_open_as_is(url, &store, &why);
    if (result == UPDRAFT_STORE_OK) {
        result = store.load(store.ctx, load_row, fleet, &why);
        store.close(store.ctx);
    }
    snprintf(problem->text, sizeof problem->text, "%s", why.text);
    problem->remedy = result == UPDRAFT_STORE_CORRUPT || result == UPDRAFT_STORE_NEWER
                          ? "Use the version of updraftd that serves it; if that complains, too, "
                            "bring back a dump."
                          : "See that PostgreSQL runs, and that psql reaches it with this address.";
    return result == UPDRAFT_STORE_OK;
}

static bool verify(const struct order *order, struct updraft_fleet *fleet,
                   struct updraft_image_walk *walk, struct updraft_care_problem *problem)
{
    struct updraft_artifacts artifacts;
    char path[1100];

    if (order->database != NULL ? !load_shared(order->database, fleet, problem)
                                : !updraft_care_load(order->data_dir, fleet, problem))
        return false;
    snprintf(path, sizeof path, "%.1000s/artifacts", order->data_dir);
    const char *dir = order->artifacts_dir != NULL ? order->artifacts_dir : path;
    if (updraft_artifacts_look(&artifacts, dir) != UPDRAFT_ARTIFACT_OK) {
        snprintf(problem->text, sizeof problem->text, "cannot read %.300s: %.160s", dir,
                 strerror(errno));
        problem->remedy = "Name the directory of the images with --artifacts.";
        return false;
    }
    updraft_image_walk(walk, fleet, &artifacts, NULL);
    updraft_artifacts_close(&artifacts);
    return true;
}

/* --- the command line --- */

static int refuse_usage(const char *what)
{
    fprintf(stderr, "updraftd: %s\nTry 'updraftd backup --help'.\n", what);
    return EXIT_USAGE;
}

/* What each verb takes must be there, and nothing else. */
static int check_order(const struct order *order)
{
    bool backup = strcmp(order->verb, "backup") == 0, restore = strcmp(order->verb, "restore") == 0;

    if (order->data_dir == NULL)
        return refuse_usage("--data DIR is needed");
    if (backup && order->to == NULL)
        return refuse_usage("--to COPY is needed: a directory that does not exist yet");
    if (restore && order->from == NULL)
        return refuse_usage("--from COPY is needed: what 'updraftd backup' made");
    if ((!backup && order->to != NULL) || (!restore && order->from != NULL) ||
        (restore && order->artifacts_dir != NULL))
        return refuse_usage("an option that this command does not know");
    if (order->database != NULL && (backup || restore))
        return refuse_usage(
            "a PostgreSQL database is copied by pg_dump and pg_restore, the images by any tool");
    if (order->database != NULL && !updraft_postgres_named(order->database))
        return refuse_usage("--database must begin with postgresql://");
    return -1;
}

/* Gives -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct order *order)
{
    static const struct option known[] = {{"data", required_argument, NULL, 'd'},
                                          {"to", required_argument, NULL, 't'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"database", required_argument, NULL, 's'},
                                          {"artifacts", required_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char **const values[] = {['d'] = &order->data_dir,
                                   ['t'] = &order->to,
                                   ['f'] = &order->from,
                                   ['s'] = &order->database,
                                   ['a'] = &order->artifacts_dir};
    int option;

    memset(order, 0, sizeof *order);
    order->verb = argv[0];
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return EXIT_WHOLE;
        }
        if (option == '?') { /* getopt has said what is wrong */
            fputs("Try 'updraftd backup --help'.\n", stderr);
            return EXIT_USAGE;
        }
        if (option == 'j')
            order->json = true;
        else
            *values[option] = optarg;
    }
    if (optind < argc)
        return refuse_usage("unexpected argument; everything is given by options");
    return check_order(order);
}

int updraft_care_main(int argc, char **argv)
{
    struct updraft_image_walk walk = {0};
    struct updraft_care_problem problem;
    struct updraft_fleet fleet;
    struct order order;
    bool done;

    int code = parse(argc - 1, argv + 1, &order);
    if (code >= 0)
        return code;
    if (strcmp(order.verb, "restore") == 0)
        order.to = order.data_dir;
    else
        order.from = order.data_dir;
    if (strcmp(order.verb, "verify") == 0)
        done = verify(&order, &fleet, &walk, &problem);
    else
        done =
            updraft_care_copy(order.from, order.artifacts_dir, order.to, &fleet, &walk, &problem);
    if (!done)
        code = tell_failure(&order, &problem);
    else if (order.json)
        tell_json(&fleet, &walk);
    else
        tell_text(&order, &fleet, &walk);
    if (done)
        code = walk.flaw_count > 0 ? EXIT_FLAWED : EXIT_WHOLE;
    updraft_image_walk_deinit(&walk);
    updraft_fleet_deinit(&fleet);
    return code;
}
