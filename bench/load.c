/* Load for an HTTP server: many connections on one core, each request of another device.
 *
 * usage: bench_load HOST PORT REQUEST-FILE KEY=VALUE...
 *   connections=64   at the same time
 *   seconds=5        how long
 *   requests=0       end after so many answers; 0: no end
 *   rate=0           requests a second, at their own times whether or not the server keeps up: latency
 *                    counts from the time a request was due. 0: each connection asks again when it has
 *                    its answer
 *   fresh=0          1: a connection for every request
 *   devices=1        MAC in the request becomes one of so many ids, in an order that jumps about
 *   first=0          the first of them
 *   pull=0           bytes a second that each connection takes of its one answer; 0: all there is
 *   sources=1        addresses to come from: 127.0.1.1 and on
 *
 * The request file is the request as it goes out. One line of JSON says what came of it; latencies in
 * microseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_CAP 4096u
#define HEAD_CAP    4096u
#define MAC_LEN     17u
#define EVENTS      256
#define PULL_MS     100

#define EXPECT(what)                                                                               \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "bench_load: line %d: %s: %s\n", __LINE__, #what, strerror(errno));    \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum phase {
    CLOSED,
    IDLE,
    HEAD, /* of the answer */
    BODY,
};

struct connection {
    int fd;
    enum phase phase;
    int64_t due_us;
    size_t head_len;
    uint64_t body_left;
    unsigned status;
    bool closes; /* the server will, after this answer */
    char head[HEAD_CAP];
};

struct options {
    int64_t connections, seconds, requests, rate, fresh, devices, first, pull, sources;
};

struct load {
    struct options options;
    struct sockaddr_in server;
    char request[REQUEST_CAP];
    size_t request_len;
    size_t mac_off[8];
    size_t mac_count;
    struct connection *connections;
    struct connection **idle; /* a stack */
    size_t idle_count;
    int epoll;
    uint64_t sent, answers, errors, bytes;
    uint64_t statuses[6]; /* by their first digit */
    uint32_t *latencies_us;
    size_t latency_count, latency_cap;
    uint32_t next_source;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- connections --- */

static void open_connection(struct load *load, struct connection *connection)
{
    const int on = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    EXPECT(connection->fd >= 0);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (load->options.pull > 0) {
        const int small = 4096;
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    if (load->options.sources > 1) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr =
            htonl(0x7f000101u + load->next_source++ % (uint32_t)load->options.sources);
        setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        EXPECT(bind(connection->fd, (struct sockaddr *)&from, sizeof from) == 0);
    }
    EXPECT(connect(connection->fd, (struct sockaddr *)&load->server, sizeof load->server) == 0 ||
           errno == EINPROGRESS);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    EXPECT(epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0);
    connection->phase = IDLE;
}

/* With a reset: a million ports would wait for their last packets otherwise. */
static void close_connection(struct connection *connection)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(connection->fd);
    connection->fd = -1;
    connection->phase = CLOSED;
}

static void put_mac(struct load *load, uint64_t number)
{
    char mac[MAC_LEN + 1];
    const uint64_t devices = (uint64_t)load->options.devices;
    /* A prime step visits all of them in an order no cache likes. */
    const uint64_t id = (uint64_t)load->options.first + number * 7368787u % devices;

    snprintf(mac, sizeof mac, "24:6F:28:%02X:%02X:%02X", (unsigned)(id >> 16 & 255u),
             (unsigned)(id >> 8 & 255u), (unsigned)(id & 255u));
    for (size_t i = 0; i < load->mac_count; i++)
        memcpy(load->request + load->mac_off[i], mac, MAC_LEN);
}

static void send_request(struct load *load, struct connection *connection, int64_t due_us)
{
    if (connection->phase == CLOSED)
        open_connection(load, connection);
    connection->phase = HEAD;
    connection->due_us = due_us;
    connection->head_len = 0;
    put_mac(load, load->sent++);
    /* A new connection is not up yet: its first bytes wait in a blocking connect on loopback only as
     * long as the handshake, which is over when connect returns. */
    ssize_t sent = send(connection->fd, load->request, load->request_len, MSG_NOSIGNAL);
    if (sent != (ssize_t)load->request_len) {
        load->errors++;
        close_connection(connection);
    }
}

static void settle(struct load *load, struct connection *connection, bool ok)
{
    if (ok) {
        uint32_t took_us = (uint32_t)(now_us() - connection->due_us);
        if (load->latency_count == load->latency_cap) {
            load->latency_cap = load->latency_cap == 0 ? 65536 : load->latency_cap * 2;
            load->latencies_us =
                realloc(load->latencies_us, load->latency_cap * sizeof *load->latencies_us);
            EXPECT(load->latencies_us != NULL);
        }
        load->latencies_us[load->latency_count++] = took_us;
        load->answers++;
        load->statuses[connection->status / 100 % 6]++;
    } else {
        load->errors++;
    }
    connection->phase = IDLE;
    if (!ok || load->options.fresh || connection->closes)
        close_connection(connection);
    load->idle[load->idle_count++] = connection;
}

/* --- answers --- */

static const char *field(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);

    return at == NULL ? NULL : at + strlen(name);
}

/* True when the head is complete. */
static bool parse_head(struct connection *connection)
{
    connection->head[connection->head_len] = '\0';
    char *end = strstr(connection->head, "\r\n\r\n");

    if (end == NULL)
        return false;
    const char *length = field(connection->head, "\r\nContent-Length: ");
    const char *closing = field(connection->head, "\r\nConnection: close");
    connection->status = (unsigned)strtoul(connection->head + 9, NULL, 10);
    connection->closes = closing != NULL && closing < end;
    uint64_t len = length == NULL || length > end ? 0 : strtoull(length, NULL, 10);
    if (connection->status == 304)
        len = 0;
    uint64_t there = connection->head_len - (size_t)(end + 4 - connection->head);
    connection->body_left = len > there ? len - there : 0;
    connection->phase = BODY;
    return true;
}

static void take_answer(struct load *load, struct connection *connection, uint64_t most)
{
    static char waste[1 << 16];

    while (connection->phase == HEAD || connection->phase == BODY) {
        bool is_head = connection->phase == HEAD;
        char *into = is_head ? connection->head + connection->head_len : waste;
        size_t room = is_head ? HEAD_CAP - 1 - connection->head_len : sizeof waste;
        if (room > most)
            room = (size_t)most;
        if (room == 0)
            return;
        ssize_t got = recv(connection->fd, into, room, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            settle(load, connection, false);
            return;
        }
        load->bytes += (uint64_t)got;
        most -= (uint64_t)got;
        if (is_head) {
            connection->head_len += (size_t)got;
            if (!parse_head(connection))
                continue;
        } else {
            connection->body_left -=
                (uint64_t)got < connection->body_left ? (uint64_t)got : connection->body_left;
        }
        if (connection->body_left == 0) {
            settle(load, connection, true);
            return;
        }
    }
}

/* --- the runs --- */

static void ask_what_is_due(struct load *load, int64_t start_us, int64_t now)
{
    const struct options *options = &load->options;

    while (load->idle_count > 0) {
        int64_t due_us = options->rate == 0
                             ? now_us()
                             : start_us + (int64_t)load->sent * 1000000 / options->rate;
        if (due_us > now && options->rate != 0)
            return;
        if (options->requests != 0 && load->sent >= (uint64_t)options->requests)
            return;
        send_request(load, load->idle[--load->idle_count], due_us);
    }
}

static void run(struct load *load)
{
    const struct options *options = &load->options;
    struct epoll_event events[EVENTS];
    int64_t start_us = now_us(), end_us = start_us + options->seconds * 1000000;

    for (int64_t now = start_us; now < end_us; now = now_us()) {
        ask_what_is_due(load, start_us, now);
        if (options->requests != 0 && load->answers + load->errors >= (uint64_t)options->requests)
            break;
        int count = epoll_wait(load->epoll, events, EVENTS, options->rate == 0 ? 100 : 1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection->phase == IDLE) { /* the server has enough of it */
                close_connection(connection);
            } else {
                take_answer(load, connection, UINT64_MAX);
            }
        }
    }
}

/* One answer each, at its own pace. */
static void run_slowly(struct load *load)
{
    const struct options *options = &load->options;
    const uint64_t share = (uint64_t)(options->pull * PULL_MS / 1000);
    int64_t start_us = now_us(), end_us = start_us + options->seconds * 1000000;

    for (int64_t i = 0; i < options->connections; i++)
        send_request(load, load->idle[--load->idle_count], now_us());
    for (int64_t tick = start_us; now_us() < end_us; tick += (int64_t)PULL_MS * 1000) {
        for (int64_t i = 0; i < options->connections; i++)
            take_answer(load, &load->connections[i], share);
        int64_t left_us = tick + (int64_t)PULL_MS * 1000 - now_us();
        if (left_us > 0)
            usleep((useconds_t)left_us);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return left < right ? -1 : left > right;
}

static uint32_t quantile(const struct load *load, double part)
{
    size_t at = (size_t)((double)load->latency_count * part);

    if (load->latency_count == 0)
        return 0;
    return load->latencies_us[at < load->latency_count ? at : load->latency_count - 1];
}

static void report(struct load *load, double seconds)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    if (load->latency_count > 0)
        qsort(load->latencies_us, load->latency_count, sizeof *load->latencies_us, by_size);
    printf("{\"answers\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"bytes\":%llu,\"ok\":%llu,"
           "\"unchanged\":%llu,\"refused\":%llu,\"failed\":%llu,\"p50\":%u,\"p99\":%u,\"p999\":%u,"
           "\"most\":%u,\"own_cpu_s\":%.3f}\n",
           (unsigned long long)load->answers, (unsigned long long)load->errors, seconds,
           (unsigned long long)load->bytes, (unsigned long long)load->statuses[2],
           (unsigned long long)load->statuses[3], (unsigned long long)load->statuses[4],
           (unsigned long long)load->statuses[5], quantile(load, 0.5), quantile(load, 0.99),
           quantile(load, 0.999), quantile(load, 1.0),
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

/* --- the command line --- */

static void read_request(struct load *load, const char *path)
{
    FILE *file = fopen(path, "rb");

    EXPECT(file != NULL);
    load->request_len = fread(load->request, 1, sizeof load->request - 1, file);
    fclose(file);
    for (size_t at = 0; at + MAC_LEN <= load->request_len; at++) {
        if (memcmp(load->request + at, "MAC--MAC--MAC--MA", MAC_LEN) == 0 && load->mac_count < 8)
            load->mac_off[load->mac_count++] = at;
    }
}

static void read_options(struct options *options, int count, char **arguments)
{
    const struct {
        const char *name;
        int64_t *value;
    } known[] = {{"connections", &options->connections},
                 {"seconds", &options->seconds},
                 {"requests", &options->requests},
                 {"rate", &options->rate},
                 {"fresh", &options->fresh},
                 {"devices", &options->devices},
                 {"first", &options->first},
                 {"pull", &options->pull},
                 {"sources", &options->sources}};

    for (int i = 0; i < count; i++) {
        size_t len = strcspn(arguments[i], "="), at = 0;
        while (at < sizeof known / sizeof *known &&
               (strlen(known[at].name) != len || memcmp(known[at].name, arguments[i], len) != 0))
            at++;
        if (at == sizeof known / sizeof *known || arguments[i][len] != '=') {
            fprintf(stderr, "bench_load: no option '%s'\n", arguments[i]);
            exit(2);
        }
        *known[at].value = strtoll(arguments[i] + len + 1, NULL, 10);
    }
}

int main(int argc, char **argv)
{
    static struct load load = {
        .options = {.connections = 64, .seconds = 5, .devices = 1, .sources = 1}};

    if (argc < 4) {
        fputs("usage: bench_load HOST PORT REQUEST-FILE KEY=VALUE...\n", stderr);
        return 2;
    }
    load.server.sin_family = AF_INET;
    load.server.sin_port = htons((uint16_t)atoi(argv[2]));
    EXPECT(inet_pton(AF_INET, argv[1], &load.server.sin_addr) == 1);
    read_request(&load, argv[3]);
    read_options(&load.options, argc - 4, argv + 4);
    size_t count = (size_t)load.options.connections;
    load.connections = calloc(count, sizeof *load.connections);
    load.idle = calloc(count, sizeof(struct connection *));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    EXPECT(load.connections != NULL && load.idle != NULL && load.epoll >= 0);
    for (size_t i = 0; i < count; i++) {
        load.connections[i].fd = -1;
        load.idle[load.idle_count++] = &load.connections[i];
    }
    int64_t start_us = now_us();
    if (load.options.pull > 0)
        run_slowly(&load);
    else
        run(&load);
    report(&load, (double)(now_us() - start_us) / 1e6);
    return 0;
}
