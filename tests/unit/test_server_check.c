#include "server/http/check.h"
#include "server/http/peers.h"
#include "server/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST                                                                                       \
    {                                                                                              \
        "Host", "a:1"                                                                              \
    }

struct row {
    struct updraft_field headers[4];
    bool is_http_1_1;
    unsigned status;
};

static const struct row table[] = {
    {{HOST}, true, 0},
    {{HOST, {"Content-Length", "12"}}, true, 0},
    {{HOST, {"Transfer-Encoding", "Chunked"}}, true, 0},
    {{{"X", "1"}}, true, 400},
    {{{"X", "1"}}, false, 0},
    {{HOST, {"host", "b"}}, true, 400},
    {{{"Host", "a b"}}, true, 400},
    {{HOST, {"Content-Length", "1"}, {"content-length", "1"}}, true, 400},
    {{HOST, {"Content-Length", "+1"}}, true, 400},
    {{HOST, {"Content-Length", "-1"}}, true, 400},
    {{HOST, {"Content-Length", "1, 1"}}, true, 400},
    {{HOST, {"Content-Length", ""}}, true, 400},
    {{HOST, {"Content-Length", "9999999999999999"}}, true, 400},
    {{HOST, {"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}}, true, 400},
    {{HOST, {"Transfer-Encoding", "gzip"}}, true, 501},
    {{HOST, {"Transfer-Encoding", "chunked"}}, false, 400},
    {{HOST, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, true, 400},
    {{HOST, {"Bad Name", "1"}}, true, 400},
    {{HOST, {"Name", "a\001b"}}, true, 400},
    {{HOST, {"Name", "a\tb"}}, true, 0},
    {{HOST, {"Authorization", "a"}, {"Authorization", "b"}}, true, 400},
};

static void ambiguous_requests_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t count = 0;
        while (count < 4 && table[i].headers[count].name != NULL)
            count++;
        unsigned status = updraft_http_check(table[i].headers, count, table[i].is_http_1_1).status;
        if (status != table[i].status)
            fail_msg("row %zu: %u", i, status);
    }
}

/* Every byte at every place of names and values of every length up to three words. */
static void every_byte_that_must_not_be_there_is_found(void **state)
{
    char text[25];
    struct updraft_field headers[] = {HOST, {"Name", text}};

    (void)state;
    for (size_t len = 1; len < sizeof text; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int c = 1; c < 256; c++) {
                memset(text, 'x', len);
                text[len] = '\0';
                text[at] = (char)c;
                headers[1] = (struct updraft_field){"Name", text};
                bool control = (c < 0x20 && c != '\t') || c == 0x7f;
                assert_int_equal(updraft_http_check(headers, 2, true).status, control ? 400 : 0);
                headers[1] = (struct updraft_field){text, "value"};
                bool token = c > 0x20 && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
                assert_int_equal(updraft_http_check(headers, 2, true).status, token ? 0 : 400);
            }
        }
    }
}

static void too_many_or_too_long_headers_are_431(void **state)
{
    struct updraft_field headers[UPDRAFT_HTTP_HEADER_CAP + 1];
    static char value[UPDRAFT_HTTP_HEADERS_LEN_CAP];

    (void)state;
    for (size_t i = 0; i < UPDRAFT_HTTP_HEADER_CAP + 1; i++)
        headers[i] = (struct updraft_field){i == 0 ? "Host" : "X", "a"};
    assert_int_equal(updraft_http_check(headers, UPDRAFT_HTTP_HEADER_CAP, true).status, 0);
    assert_int_equal(updraft_http_check(headers, UPDRAFT_HTTP_HEADER_CAP + 1, true).status, 431);
    memset(value, 'a', sizeof value - 1);
    headers[1].value = value;
    assert_int_equal(updraft_http_check(headers, 2, true).status, 431);
}

static const struct updraft_route *find(enum updraft_method method, const char *path,
                                        struct updraft_request *request, const char **allow)
{
    static char copy[128];

    snprintf(copy, sizeof copy, "%s", path);
    memset(request, 0, sizeof *request);
    request->method = method;
    return updraft_routes_find(copy, request, allow);
}

static void routes_split_the_path_and_nothing_else_matches(void **state)
{
    static const char *const nowhere[] = {"/x",
                                          "/d",
                                          "/d/channel/demo/stable",
                                          "/d/channel/demo/stable/esp32.json/",
                                          "/d/channel//stable/esp32.json",
                                          "//healthz",
                                          "/healthz/",
                                          "/api/v1/devices/a/b",
                                          "/a/b/c/d/e/f/g/h/i/j",
                                          "",
                                          "*"};
    struct updraft_request request;
    const char *allow;

    (void)state;
    assert_non_null(
        find(UPDRAFT_METHOD_GET, "/d/channel/demo/stable/esp32.json", &request, &allow));
    assert_string_equal(request.segments[0], "demo");
    assert_string_equal(request.segments[1], "stable");
    assert_string_equal(request.segments[2], "esp32.json");
    assert_non_null(find(UPDRAFT_METHOD_GET, "/", &request, &allow));
    assert_non_null(find(UPDRAFT_METHOD_HEAD, "/d/image/abc", &request, &allow));
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        assert_null(find(UPDRAFT_METHOD_GET, nowhere[i], &request, &allow));
        assert_null(allow);
    }
    assert_null(find(UPDRAFT_METHOD_PUT, "/api/v1/releases", &request, &allow));
    assert_string_equal(allow, "GET, POST, DELETE");
    assert_null(find(UPDRAFT_METHOD_PUT, "/api/v1/tokens", &request, &allow));
    assert_string_equal(allow, "GET, POST");
    assert_null(find(UPDRAFT_METHOD_HEAD, "/d/esp-update/demo", &request, &allow));
    assert_string_equal(allow, "GET");
    /* Not the rollout that is called "preview". */
    assert_null(find(UPDRAFT_METHOD_GET, "/api/v1/rollouts/preview", &request, &allow));
    assert_string_equal(allow, "POST");
    assert_null(find(UPDRAFT_METHOD_PUT, "/api/v1/devices/a", &request, &allow));
    assert_string_equal(allow, "GET, PATCH");
}

#define DDI "/d/ddi/a/controller/v1/b"

static void every_address_asks_for_the_role_it_is_meant_for(void **state)
{
    static const struct {
        enum updraft_method method;
        const char *path;
        enum updraft_role role;
    } rows[] = {
        {UPDRAFT_METHOD_GET, "/", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/healthz", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/d/channel/a/b/esp32.json", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/d/esp-update/a", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/d/ovms/a/b/ovms3.ver", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/d/image/a", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_POST, "/d/report", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_POST, "/d/check", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/d/manifest/a/b/manifest.json", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, DDI, UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_PUT, DDI "/configData", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, DDI "/deploymentBase/1", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_POST, DDI "/deploymentBase/1/feedback", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, DDI "/cancelAction/1", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_POST, DDI "/cancelAction/1/feedback", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, DDI "/artifacts/a", UPDRAFT_ROLE_NONE},
        {UPDRAFT_METHOD_GET, "/metrics", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/overview", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/events", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/history", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/products", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/releases", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/channels", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/devices", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/devices/a", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/attempts", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/boards", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_PUT, "/api/v1/boards/a/b", UPDRAFT_ROLE_PUBLISH},
        {UPDRAFT_METHOD_PATCH, "/api/v1/releases/a/b", UPDRAFT_ROLE_PUBLISH},
        {UPDRAFT_METHOD_PATCH, "/api/v1/devices/a", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_POST, "/api/v1/devices/bulk", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_GET, "/api/v1/rollouts", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_GET, "/api/v1/rollouts/1", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_POST, "/api/v1/rollouts/preview", UPDRAFT_ROLE_VIEW},
        {UPDRAFT_METHOD_POST, "/api/v1/rollouts", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_POST, "/api/v1/rollouts/1/pause", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_POST, "/api/v1/rollouts/1/resume", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_POST, "/api/v1/rollouts/1/abort", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_POST, "/api/v1/rollouts/1/retry", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_POST, "/api/v1/releases", UPDRAFT_ROLE_PUBLISH},
        {UPDRAFT_METHOD_POST, "/api/v1/packages", UPDRAFT_ROLE_PUBLISH},
        {UPDRAFT_METHOD_PUT, "/api/v1/channels/a/b", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_DELETE, "/api/v1/releases", UPDRAFT_ROLE_OPERATE},
        {UPDRAFT_METHOD_GET, "/api/v1/audit", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_GET, "/api/v1/webhooks", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_POST, "/api/v1/webhooks", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_POST, "/api/v1/webhooks/a/test", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_DELETE, "/api/v1/webhooks/a", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_GET, "/api/v1/tokens", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_POST, "/api/v1/tokens", UPDRAFT_ROLE_ADMIN},
        {UPDRAFT_METHOD_DELETE, "/api/v1/tokens/a", UPDRAFT_ROLE_ADMIN},
    };
    struct updraft_request request;
    const char *allow;
    size_t guarded = 0, count;
    const struct updraft_route *all = updraft_routes_all(&count);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct updraft_route *route = find(rows[i].method, rows[i].path, &request, &allow);
        assert_non_null(route);
        assert_int_equal(route->role, rows[i].role);
        guarded += route->role != UPDRAFT_ROLE_NONE;
    }
    /* And no other address: one that is added gets a row here, too. */
    for (size_t i = 0; i < count; i++)
        guarded -= all[i].role != UPDRAFT_ROLE_NONE;
    assert_int_equal(guarded, 0);
}

static bool is_open(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

static void a_late_connection_is_shut_down_and_no_other(void **state)
{
    struct updraft_peers peers;
    int late[2], early[2], waits[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, late), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, early), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, waits), 0);
    updraft_peers_init(&peers, 100);
    struct updraft_peer *a = updraft_peers_add(&peers, late[0], 0);
    struct updraft_peer *b = updraft_peers_add(&peers, early[0], 0);
    struct updraft_peer *c = updraft_peers_add(&peers, waits[0], 0);
    updraft_peers_enter(&peers, a, UPDRAFT_PEER_HEADERS, 0, 0);
    updraft_peers_enter(&peers, b, UPDRAFT_PEER_TAKES, 1000000, 0);
    updraft_peers_enter(&peers, c, UPDRAFT_PEER_WAITS, 0, 0);
    updraft_peers_sweep(&peers, updraft_peers_patience_ms(UPDRAFT_PEER_HEADERS, 0) - 1);
    assert_true(is_open(late[1]));
    updraft_peers_sweep(&peers, updraft_peers_patience_ms(UPDRAFT_PEER_HEADERS, 0));
    assert_false(is_open(late[1]));
    assert_true(is_open(early[1]));
    updraft_peers_sweep(&peers, INT64_MAX - 1);
    assert_false(is_open(early[1]));
    assert_true(is_open(waits[1]));
    updraft_peers_remove(&peers, b);
    updraft_peers_remove(&peers, c);
    updraft_peers_remove(&peers, a);
    assert_null(peers.first);
    updraft_peers_deinit(&peers);
    for (int i = 0; i < 2; i++) {
        close(late[i]);
        close(early[i]);
        close(waits[i]);
    }
}

static void a_peer_that_hung_up_is_noticed_at_the_second_sweep(void **state)
{
    struct updraft_peers peers;
    int gone[2], takes[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, gone), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, takes), 0);
    updraft_peers_init(&peers, 100);
    struct updraft_peer *a = updraft_peers_add(&peers, gone[0], 0);
    struct updraft_peer *b = updraft_peers_add(&peers, takes[0], 0);
    updraft_peers_enter(&peers, a, UPDRAFT_PEER_BODY, 1000, 0);
    updraft_peers_enter(&peers, b, UPDRAFT_PEER_TAKES, 1000, 0);
    assert_int_equal(write(gone[1], "x", 1), 1);
    shutdown(gone[1], SHUT_WR);
    shutdown(takes[1], SHUT_WR); /* has asked all it wants to ask */
    updraft_peers_sweep(&peers, 1);
    updraft_peers_sweep(&peers, 2); /* a byte is still to be read */
    char byte;
    assert_int_equal(read(gone[0], &byte, 1), 1);
    updraft_peers_sweep(&peers, 3);
    assert_true(is_open(gone[1]));
    updraft_peers_sweep(&peers, 4);
    assert_false(is_open(gone[1]));
    assert_true(is_open(takes[1]));
    updraft_peers_remove(&peers, a);
    updraft_peers_remove(&peers, b);
    updraft_peers_deinit(&peers);
    for (int i = 0; i < 2; i++) {
        close(gone[i]);
        close(takes[i]);
    }
}

/* Two places: who comes third ends whoever has waited longest, and nobody who has asked. */
static void a_newcomer_takes_the_place_of_the_longest_idle(void **state)
{
    struct updraft_peers peers;
    struct updraft_peer *added[6];
    int ends[6][2];

    (void)state;
    updraft_peers_init(&peers, 2);
    for (int i = 0; i < 6; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    added[0] = updraft_peers_add(&peers, ends[0][0], 0);
    added[1] = updraft_peers_add(&peers, ends[1][0], 0);
    assert_true(is_open(ends[0][1]) && is_open(ends[1][1]));
    updraft_peers_enter(&peers, added[0], UPDRAFT_PEER_WAITS, 0, 0);
    /* A second is everyone's; who comes before it is over waits for the sweep. */
    added[2] = updraft_peers_add(&peers, ends[2][0], 500);
    updraft_peers_sweep(&peers, 999);
    assert_true(is_open(ends[0][1]) && is_open(ends[1][1]) && is_open(ends[2][1]));
    updraft_peers_sweep(&peers, 1000);
    assert_true(is_open(ends[0][1]) && is_open(ends[2][1]));
    assert_false(is_open(ends[1][1]));
    updraft_peers_remove(&peers, added[1]);
    /* Headers that have begun are no request yet, but later than the one that has sent nothing. */
    updraft_peers_enter(&peers, added[2], UPDRAFT_PEER_HEADERS, 0, 1000);
    updraft_peers_enter(&peers, added[0], UPDRAFT_PEER_IDLE, 0, 1000);
    added[3] = updraft_peers_add(&peers, ends[3][0], 2000);
    assert_false(is_open(ends[2][1]));
    assert_true(is_open(ends[0][1]) && is_open(ends[3][1]));
    /* Before the library has closed the one, the next ends another, and never the newcomer. */
    added[4] = updraft_peers_add(&peers, ends[4][0], 3000);
    assert_false(is_open(ends[0][1]));
    assert_true(is_open(ends[3][1]) && is_open(ends[4][1]));
    updraft_peers_enter(&peers, added[3], UPDRAFT_PEER_BODY, 10, 3000);
    updraft_peers_enter(&peers, added[4], UPDRAFT_PEER_TAKES, 10, 3000);
    added[5] = updraft_peers_add(&peers, ends[5][0], 4000);
    assert_true(is_open(ends[3][1]) && is_open(ends[4][1]) && is_open(ends[5][1]));
    for (int i = 0; i < 6; i++) {
        if (i != 1)
            updraft_peers_remove(&peers, added[i]);
        close(ends[i][0]);
        close(ends[i][1]);
    }
    assert_int_equal(peers.count, 0);
    assert_null(peers.queue_first);
    updraft_peers_deinit(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(every_byte_that_must_not_be_there_is_found),
        cmocka_unit_test(too_many_or_too_long_headers_are_431),
        cmocka_unit_test(routes_split_the_path_and_nothing_else_matches),
        cmocka_unit_test(every_address_asks_for_the_role_it_is_meant_for),
        cmocka_unit_test(a_late_connection_is_shut_down_and_no_other),
        cmocka_unit_test(a_peer_that_hung_up_is_noticed_at_the_second_sweep),
        cmocka_unit_test(a_newcomer_takes_the_place_of_the_longest_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
