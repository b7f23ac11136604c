/* What only a database that others share, and a connection that can break, bring about. */
#include "server/store/postgres.h"
#include "tests/unit/store_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A second server on the same database. */
struct other {
    struct updraft_store store;
    struct updraft_fleet fleet;
    struct updraft_store_problem problem;
    atomic_bool caught_up;
};

static void apply_row(void *ctx, const struct updraft_change *row)
{
    updraft_fleet_apply(ctx, row);
}

static void open_other(struct other *other, const char *url)
{
    atomic_init(&other->caught_up, false);
    assert_int_equal(updraft_postgres_open(url, &other->store, &other->problem), UPDRAFT_STORE_OK);
    updraft_fleet_init(&other->fleet, 0);
    assert_int_equal(other->store.load(other->store.ctx, apply_row, &other->fleet, &other->problem),
                     UPDRAFT_STORE_OK);
}

static void close_other(struct other *other)
{
    other->store.close(other->store.ctx);
    updraft_fleet_deinit(&other->fleet);
}

static enum updraft_store_result catch_up(struct other *other)
{
    return other->store.catch_up(other->store.ctx, apply_row, &other->fleet, &other->problem);
}

static enum updraft_store_result end_batch(struct other *other,
                                           const struct updraft_change *changes, size_t count)
{
    enum updraft_store_result result =
        other->store.commit(other->store.ctx, changes, count, &other->problem);

    for (size_t i = 0; result == UPDRAFT_STORE_OK && i < count; i++)
        updraft_fleet_apply(&other->fleet, &changes[i]);
    return result;
}

static enum updraft_store_result write_batch(struct other *other,
                                             const struct updraft_change *changes, size_t count)
{
    enum updraft_store_result result = catch_up(other);

    return result == UPDRAFT_STORE_OK ? end_batch(other, changes, count) : result;
}

static void assert_alike(struct other *one, struct other *two)
{
    assert_int_equal(write_batch(one, NULL, 0), UPDRAFT_STORE_OK);
    assert_int_equal(write_batch(two, NULL, 0), UPDRAFT_STORE_OK);
    char *ones = store_show(&one->fleet), *twos = store_show(&two->fleet);
    assert_string_equal(ones, twos);
    free(ones);
    free(twos);
}

/* Everything that one and two know is what a new start finds, too. */
static void assert_durable(struct place *place, struct other *one)
{
    struct other fresh;

    open_other(&fresh, place->path);
    assert_alike(one, &fresh);
    close_other(&fresh);
}

static struct updraft_change ended(struct updraft_change change, enum updraft_change_kind kind)
{
    change.kind = kind;
    return change;
}

/* --- several servers --- */

static void each_server_takes_over_what_the_other_wrote_and_ended(void **state)
{
    struct place *place = *state;
    struct other a, b;
    struct updraft_change token = {.kind = UPDRAFT_CHANGE_TOKEN,
                                   .row.token = {.id = 1, .role = UPDRAFT_ROLE_VIEW}};

    open_other(&a, place->path);
    open_other(&b, place->path);
    const struct updraft_change first[] = {
        change_product(1, "demo"),
        change_release(1, 1, "1.0.0"),
        change_image(1, 9),
        change_channel(1, "beta", 1),
        change_device(1, "1.0.0"),
        change_device(2, "1.0.0"),
        change_attempt(1, 2, UPDRAFT_ATTEMPT_FAILED),
        change_log(1, "panic"),
        token,
    };
    assert_int_equal(write_batch(&a, first, 9), UPDRAFT_STORE_OK);
    assert_alike(&a, &b);
    assert_int_equal(b.fleet.token_count, 1);
    const struct updraft_change second[] = {
        change_device(3, "1.1.0"),
        change_attempt(2, 3, UPDRAFT_ATTEMPT_OFFERED),
        ended(first[6], UPDRAFT_CHANGE_ATTEMPT_END),
        ended(token, UPDRAFT_CHANGE_TOKEN_END),
    };
    assert_int_equal(write_batch(&b, second, 4), UPDRAFT_STORE_OK);
    assert_alike(&b, &a);
    assert_int_equal(a.fleet.token_count, 0);
    assert_int_equal(updraft_fleet_attempt_before(&a.fleet, 0)->id, 2);
    token.row.token.role = UPDRAFT_ROLE_ADMIN; /* the number comes back */
    assert_int_equal(write_batch(&b, &token, 1), UPDRAFT_STORE_OK);
    assert_alike(&b, &a);
    assert_int_equal(a.fleet.tokens[0].role, UPDRAFT_ROLE_ADMIN);
    assert_durable(place, &a);
    close_other(&a);
    close_other(&b);
}

static void *catch_up_alone(void *ctx)
{
    struct other *other = ctx;

    if (catch_up(other) == UPDRAFT_STORE_OK)
        atomic_store(&other->caught_up, true);
    return NULL;
}

static void nobody_commits_between_catching_up_and_the_commit(void **state)
{
    struct place *place = *state;
    struct other a, b;
    pthread_t thread;
    const struct updraft_change device = change_device(1, "1.0.0");

    open_other(&a, place->path);
    open_other(&b, place->path);
    assert_int_equal(catch_up(&a), UPDRAFT_STORE_OK);
    pthread_create(&thread, NULL, catch_up_alone, &b);
    usleep(300000);
    assert_false(atomic_load(&b.caught_up));
    assert_int_equal(end_batch(&a, &device, 1), UPDRAFT_STORE_OK);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&b.caught_up));
    assert_int_equal(b.fleet.device_count, 1);
    assert_int_equal(end_batch(&b, NULL, 0), UPDRAFT_STORE_OK);
    close_other(&a);
    close_other(&b);
}

static void count_call(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static int wait_for(atomic_int *count, int least)
{
    for (int i = 0; i < 500 && atomic_load(count) < least; i++)
        usleep(10000);
    return atomic_load(count);
}

static void others_are_woken_by_a_commit_and_the_writer_is_not(void **state)
{
    struct place *place = *state;
    struct other a, b;
    atomic_int heard_a = 0, heard_b = 0;
    const struct updraft_change device = change_device(1, "1.0.0");

    open_other(&a, place->path);
    open_other(&b, place->path);
    a.store.watch(a.store.ctx, count_call, &heard_a);
    b.store.watch(b.store.ctx, count_call, &heard_b);
    assert_int_equal(wait_for(&heard_a, 1), 1); /* once when it begins to listen */
    assert_int_equal(wait_for(&heard_b, 1), 1);
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_OK);
    assert_int_equal(wait_for(&heard_b, 2), 2);
    assert_int_equal(atomic_load(&heard_a), 1);
    a.store.watch(a.store.ctx, NULL, NULL);
    assert_int_equal(write_batch(&b, &device, 1), UPDRAFT_STORE_OK);
    usleep(100000);
    assert_int_equal(atomic_load(&heard_a), 1);
    close_other(&a);
    close_other(&b);
}

static void changes_of_one_row_keep_their_order_within_a_batch(void **state)
{
    struct place *place = *state;
    struct other a;
    struct updraft_change touch = {.kind = UPDRAFT_CHANGE_TOUCH,
                                   .row.touch = {.device = "24:6F:28:00:00:01",
                                                 .address = "::1",
                                                 .last_seen_ms = 1900000000000,
                                                 .attempt_id = 1,
                                                 .attempt_updated_ms = 1900000000000,
                                                 .progress = 99}};
    const struct updraft_change one = change_attempt(1, 1, UPDRAFT_ATTEMPT_DOWNLOADING);
    const struct updraft_change batch[] = {
        change_device(1, "1.0.0"),
        one,
        change_log(1, "first"),
        touch,
        change_attempt(1, 1, UPDRAFT_ATTEMPT_WRITTEN), /* behind the touch: its progress stands */
        change_device(1, "1.1.0"),
        change_log(1, "second"),
        touch, /* not downloading any more */
        change_attempt(2, 1, UPDRAFT_ATTEMPT_FAILED),
        ended(change_attempt(2, 1, UPDRAFT_ATTEMPT_FAILED), UPDRAFT_CHANGE_ATTEMPT_END),
    };
    struct updraft_fleet fleet;

    open_other(&a, place->path);
    assert_int_equal(write_batch(&a, batch, 10), UPDRAFT_STORE_OK);
    store_load(place, &fleet);
    assert_int_equal(fleet.attempt_count, 1);
    struct updraft_attempt_row row;
    updraft_attempt_row(fleet.attempts[0], &row);
    assert_int_equal(row.state, UPDRAFT_ATTEMPT_WRITTEN);
    assert_int_equal(row.progress, 43);
    assert_string_equal(updraft_attempt_log(fleet.attempts[0]), "second");
    assert_int_equal(fleet.devices[0]->last_seen_ms, 1900000000000);
    updraft_fleet_deinit(&fleet);
    close_other(&a);
}

static void devices_keep_their_order_of_arrival(void **state)
{
    struct place *place = *state;
    static struct updraft_change changes[1000];
    struct other a;

    open_other(&a, place->path);
    for (unsigned i = 0; i < 1000; i++)
        changes[i] = change_device(i * 7919 % 1000, "1.0.0");
    assert_int_equal(write_batch(&a, changes, 1000), UPDRAFT_STORE_OK);
    for (unsigned i = 0; i < 1000; i++)
        changes[i] = change_device(i, "1.1.0");
    assert_int_equal(write_batch(&a, changes, 1000), UPDRAFT_STORE_OK);
    assert_int_equal(a.fleet.device_count, 1000);
    assert_durable(place, &a);
    close_other(&a);
}

static void rows_that_ended_are_gone_after_a_day(void **state)
{
    struct place *place = *state;
    struct other a, late;
    const struct updraft_change batch[] = {change_device(1, "1.0.0"),
                                           change_attempt(1, 1, UPDRAFT_ATTEMPT_FAILED),
                                           change_log(1, "panic")};
    const struct updraft_change end = ended(batch[1], UPDRAFT_CHANGE_ATTEMPT_END);

    open_other(&a, place->path);
    assert_int_equal(write_batch(&a, batch, 3), UPDRAFT_STORE_OK);
    assert_int_equal(write_batch(&a, &end, 1), UPDRAFT_STORE_OK);
    place_run_sql(place, "DO $$ BEGIN ASSERT (SELECT count(*) FROM attempts) = 1; END $$");
    place_run_sql(place, "UPDATE attempts SET store_ended=store_ended - interval '2 days';"
                         "UPDATE logs SET store_ended=store_ended - interval '2 days'");
    open_other(&late, place->path);
    assert_int_equal(write_batch(&late, NULL, 0), UPDRAFT_STORE_OK);
    place_run_sql(place, "DO $$ BEGIN ASSERT (SELECT count(*) FROM attempts) = 0"
                         " AND (SELECT count(*) FROM logs) = 0; END $$");
    close_other(&late);
    close_other(&a);
}

static void a_server_that_cannot_follow_says_so(void **state)
{
    struct place *place = *state;
    struct other a, b;
    const struct updraft_change device = change_device(1, "1.0.0");

    open_other(&a, place->path);
    open_other(&b, place->path);
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_OK);
    place_run_sql(place, "UPDATE store_state SET seq=0"); /* a backup was put in its place */
    assert_int_equal(catch_up(&a), UPDRAFT_STORE_STALE);
    assert_int_equal(write_batch(&b, NULL, 0), UPDRAFT_STORE_OK);
    place_run_sql(place, "INSERT INTO schema_migrations VALUES(999,0)");
    assert_int_equal(catch_up(&b), UPDRAFT_STORE_NEWER);
    assert_non_null(strstr(b.problem.text, "999"));
    close_other(&a);
    close_other(&b);
}

/* --- connections that break --- */

/* Between a store and the database: lets everything through until it is told to cut. */
struct proxy {
    char dir[64];
    char real[100];
    char url[300];
    int listen_fd;
    pthread_t thread;
    atomic_bool over;
    atomic_bool refuses;      /* whoever connects */
    atomic_bool refuses_next; /* from the next lost answer on */
    atomic_int
        lost_answer; /* commits to let through, and to cut the connection instead of the answer */
    atomic_int lost_commit; /* commits to cut the connection at, before the database sees them */
};

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool pass_on(int from, int to, bool *commits)
{
    static const char word[] = "COMMIT";
    char bytes[65536];
    ssize_t got = read(from, bytes, sizeof bytes);

    *commits = got > 0 && memmem(bytes, (size_t)got, word, sizeof word) != NULL; /* with its NUL */
    return got > 0 && (to < 0 || write(to, bytes, (size_t)got) == got);
}

/* One connection, until either side or the plan ends it. */
static void serve(struct proxy *proxy, int client)
{
    int server = connect_to(proxy->real);
    struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    bool open = server >= 0, mute = false, commits;

    while (open && !atomic_load(&proxy->over) && !atomic_load(&proxy->refuses)) {
        if (poll(fds, 2, 20) <= 0)
            continue;
        if (fds[1].revents != 0 && mute)
            break; /* the database has answered; the client never hears of it */
        if (fds[1].revents != 0)
            open = pass_on(server, client, &commits);
        if (open && fds[0].revents != 0) {
            char peek[65536];
            ssize_t got = recv(client, peek, sizeof peek, MSG_PEEK);
            if (got > 0 && memmem(peek, (size_t)got, "COMMIT", 7) != NULL &&
                atomic_load(&proxy->lost_commit) > 0) {
                atomic_fetch_sub(&proxy->lost_commit, 1);
                break;
            }
            open = pass_on(client, server, &commits);
            if (commits && atomic_load(&proxy->lost_answer) > 0) {
                atomic_fetch_sub(&proxy->lost_answer, 1);
                mute = true;
            }
        }
    }
    if (mute) { /* until the database is done with it */
        char bytes[4096];
        struct pollfd fd = {.fd = server, .events = POLLIN};
        while (poll(&fd, 1, 300) > 0 && read(server, bytes, sizeof bytes) > 0)
            ;
        if (atomic_load(&proxy->refuses_next))
            atomic_store(&proxy->refuses, true);
    }
    close(client);
    if (server >= 0)
        close(server);
}

static void *run_proxy(void *ctx)
{
    struct proxy *proxy = ctx;
    struct pollfd fd = {.fd = proxy->listen_fd, .events = POLLIN};

    while (!atomic_load(&proxy->over)) {
        if (poll(&fd, 1, 20) <= 0)
            continue;
        int client = accept(proxy->listen_fd, NULL, NULL);
        if (atomic_load(&proxy->refuses))
            close(client);
        else
            serve(proxy, client);
    }
    return NULL;
}

static void start_proxy(struct proxy *proxy, const struct place *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *host = strstr(place->path, "host=") + 5;
    int host_len = (int)strcspn(host, "&");

    memset(proxy, 0, sizeof *proxy);
    strcpy(proxy->dir, "/tmp/updraft-proxy-XXXXXX");
    assert_non_null(mkdtemp(proxy->dir));
    snprintf(proxy->real, sizeof proxy->real, "%.*s/.s.PGSQL.5432", host_len, host);
    snprintf(proxy->url, sizeof proxy->url, "%.*s%s%s", (int)(host - place->path), place->path,
             proxy->dir, host + host_len);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", proxy->dir);
    proxy->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(proxy->listen_fd, 8), 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run_proxy, proxy), 0);
}

static void stop_proxy(struct proxy *proxy)
{
    char path[96];

    atomic_store(&proxy->over, true);
    pthread_join(proxy->thread, NULL);
    close(proxy->listen_fd);
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", proxy->dir);
    unlink(path);
    rmdir(proxy->dir);
}

static void a_commit_whose_answer_was_lost_is_found_and_not_repeated(void **state)
{
    struct place *place = *state;
    struct proxy proxy;
    struct other a, b;
    const struct updraft_change device = change_device(1, "1.0.0");

    start_proxy(&proxy, place);
    open_other(&a, proxy.url);
    open_other(&b, place->path);
    atomic_store(&proxy.lost_answer, 1);
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_OK);
    assert_int_equal(atomic_load(&proxy.lost_answer), 0);
    assert_alike(&a, &b);
    assert_int_equal(b.fleet.device_count, 1);
    place_run_sql(place, "DO $$ BEGIN ASSERT (SELECT seq FROM store_state) = 1; END $$");
    close_other(&a);
    close_other(&b);
    stop_proxy(&proxy);
}

static void a_commit_that_never_arrived_is_told_as_such(void **state)
{
    struct place *place = *state;
    struct proxy proxy;
    struct other a, b;
    const struct updraft_change device = change_device(1, "1.0.0");

    start_proxy(&proxy, place);
    open_other(&a, proxy.url);
    open_other(&b, place->path);
    atomic_store(&proxy.lost_commit, 1);
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_AWAY);
    assert_alike(&a, &b);
    assert_int_equal(b.fleet.device_count, 0);
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_OK); /* once more */
    assert_alike(&a, &b);
    close_other(&a);
    close_other(&b);
    stop_proxy(&proxy);
}

static void what_was_kept_shows_when_a_database_that_went_away_is_back(void **state)
{
    struct place *place = *state;
    struct proxy proxy;
    struct other a, b;
    const struct updraft_change device = change_device(1, "1.0.0");

    start_proxy(&proxy, place);
    open_other(&a, proxy.url);
    open_other(&b, place->path);
    atomic_store(&proxy.lost_answer, 1);
    atomic_store(&proxy.refuses_next, true); /* whoever connects after that */
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_UNKNOWN);
    assert_int_equal(a.fleet.device_count, 0);
    assert_int_equal(catch_up(&a), UPDRAFT_STORE_AWAY);
    atomic_store(&proxy.refuses, false);
    usleep(1100000);
    assert_alike(&a, &b);
    assert_int_equal(a.fleet.device_count, 1);
    close_other(&a);
    close_other(&b);
    stop_proxy(&proxy);
}

static void a_connection_that_broke_between_batches_is_made_anew(void **state)
{
    struct place *place = *state;
    struct other a;
    const struct updraft_change device = change_device(1, "1.0.0");

    open_other(&a, place->path);
    for (int i = 0; i < 3; i++) {
        place_run_sql(place, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE pid<>pg_backend_pid() AND application_name='updraftd'");
        assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_OK);
    }
    assert_durable(place, &a);
    close_other(&a);
}

static void a_connection_that_broke_within_a_batch_keeps_nothing_of_it(void **state)
{
    struct place *place = *state;
    struct other a;
    const struct updraft_change device = change_device(1, "1.0.0");

    open_other(&a, place->path);
    assert_int_equal(catch_up(&a), UPDRAFT_STORE_OK);
    place_run_sql(place, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE pid<>pg_backend_pid() AND application_name='updraftd'");
    assert_int_equal(end_batch(&a, &device, 1), UPDRAFT_STORE_AWAY);
    assert_int_equal(a.fleet.device_count, 0);
    assert_int_equal(write_batch(&a, &device, 1), UPDRAFT_STORE_OK);
    assert_durable(place, &a);
    close_other(&a);
}

static void a_database_that_is_not_there_is_named(void **state)
{
    struct place *place = *state;
    struct updraft_store store;

    assert_int_equal(updraft_postgres_open("postgresql://updraft@/no_such?host=/nowhere", &store,
                                           &place->problem),
                     UPDRAFT_STORE_AWAY);
    assert_non_null(strstr(place->problem.text, "no_such"));
    assert_true(updraft_postgres_named("postgresql://x"));
    assert_true(updraft_postgres_named("postgres://x"));
    assert_false(updraft_postgres_named("mysql://x"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_server_takes_over_what_the_other_wrote_and_ended),
        TEST(nobody_commits_between_catching_up_and_the_commit),
        TEST(others_are_woken_by_a_commit_and_the_writer_is_not),
        TEST(changes_of_one_row_keep_their_order_within_a_batch),
        TEST(devices_keep_their_order_of_arrival),
        TEST(rows_that_ended_are_gone_after_a_day),
        TEST(a_server_that_cannot_follow_says_so),
        TEST(a_commit_whose_answer_was_lost_is_found_and_not_repeated),
        TEST(a_commit_that_never_arrived_is_told_as_such),
        TEST(what_was_kept_shows_when_a_database_that_went_away_is_back),
        TEST(a_connection_that_broke_between_batches_is_made_anew),
        TEST(a_connection_that_broke_within_a_batch_keeps_nothing_of_it),
        TEST(a_database_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
