/* Updraft's own way in over real sockets: drives the engine of direct_host.c, dials in again where the
 * connection broke off, and puts failures into words. */
#include "cli/direct_host.h"
#include "cli/push.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS      100
#define REDIAL_LIMIT 5u /* in a row, without the device having written more */
#define REDIAL_MS    1000

static uint16_t port_of(const struct updraft_push *push)
{
    if (push->direct_port)
        return push->direct_port;
    if (push->device.direct_port)
        return push->device.direct_port;
    return push->given_port && push->way == UPDRAFT_PUSH_DIRECT &&
                   push->device.kind == UPDRAFT_PUSH_UNKNOWN
               ? push->given_port
               : UPDRAFT_DIRECT_PORT;
}

/* One connection; -1 with errno set. */
static int dial_one(const struct addrinfo *at, uint32_t timeout_s)
{
    struct pollfd fd = {.events = POLLOUT};
    socklen_t len = sizeof errno;
    const int on = 1;
    int error = 0;

    fd.fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd.fd < 0)
        return -1;
    if (connect(fd.fd, at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS)
        error = errno;
    else if (poll(&fd, 1, (int)(timeout_s * 1000)) <= 0)
        error = ETIMEDOUT;
    else if (getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        close(fd.fd);
        errno = error;
        return -1;
    }
    (void)setsockopt(fd.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd.fd;
}

static enum updraft_exit dial(struct updraft_push *push, int *fd)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[8];
    int status;

    snprintf(port, sizeof port, "%u", port_of(push));
    status = getaddrinfo(push->host, port, &hints, &found);
    if (status != 0)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                                "Check the name, or give the device's IP address.",
                                "the name %s is not known: %s", push->host, gai_strerror(status));
    *fd = -1;
    for (const struct addrinfo *at = found; at != NULL && *fd < 0; at = at->ai_next)
        *fd = dial_one(at, push->timeout_s);
    status = errno;
    freeaddrinfo(found);
    if (*fd >= 0)
        return UPDRAFT_EXIT_OK;
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                            "Check address and port (--direct-port, usually 3233), that the device "
                            "is on, and that this computer is in the same network.",
                            "connecting to TCP port %u: %s", port_of(push), strerror(status));
}

static void read_some(int fd, struct updraft_direct_host *host)
{
    uint8_t data[512];
    ssize_t len = recv(fd, data, sizeof data, 0);

    if (len > 0)
        updraft_direct_host_feed(host, data, (size_t)len, updraft_progress_now_ms());
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        updraft_direct_host_closed(host);
}

/* A write that fails is no verdict: the device may have said why before it closed, and that is still
 * to be read. */
static void write_some(int fd, struct updraft_direct_host *host, bool *is_broken)
{
    const uint8_t *data;
    size_t len = updraft_direct_host_next(host, &data);
    ssize_t sent = len > 0 ? send(fd, data, len, MSG_NOSIGNAL) : 0;

    if (sent > 0)
        updraft_direct_host_sent(host, (size_t)sent, updraft_progress_now_ms());
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        *is_broken = true;
}

static void say_go(struct updraft_push *push, const struct updraft_direct_host *host, bool *said)
{
    if (*said || host->state < UPDRAFT_DIRECT_HOST_STREAMING ||
        host->state == UPDRAFT_DIRECT_HOST_FAILED)
        return;
    *said = true;
    if (host->resumed_off > 0)
        updraft_progress_step(&push->progress, "the device has %u of %u bytes already",
                              host->resumed_off, host->config.image_len);
    updraft_progress_begin(&push->progress, "writing", push->wire.len);
}

static void drive(struct updraft_push *push, int fd, struct updraft_direct_host *host)
{
    bool is_broken = false;
    bool said = false;

    while (host->state < UPDRAFT_DIRECT_HOST_DONE) {
        const uint8_t *data;
        bool wants_out = !is_broken && updraft_direct_host_next(host, &data) > 0;
        struct pollfd poll_fd = {.fd = fd, .events = (short)(POLLIN | (wants_out ? POLLOUT : 0))};

        if (poll(&poll_fd, 1, TICK_MS) < 0 && errno != EINTR)
            return;
        if (poll_fd.revents & (POLLIN | POLLHUP | POLLERR))
            read_some(fd, host);
        if (wants_out && (poll_fd.revents & POLLOUT))
            write_some(fd, host, &is_broken);
        say_go(push, host, &said);
        if (said)
            updraft_progress_update(&push->progress, host->written);
        updraft_direct_host_tick(host, updraft_progress_now_ms());
    }
    if (said && host->state == UPDRAFT_DIRECT_HOST_DONE)
        updraft_progress_update(&push->progress, host->config.image_len);
    if (said)
        updraft_progress_end(&push->progress);
}

static enum updraft_exit wrong_password(struct updraft_push *push)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                            push->password ? "Check --password; it is the one in the device's "
                                             "firmware."
                                           : "Give it with --password, or in UPDRAFT_PASSWORD.",
                            push->password ? "sign-in: the device does not take that password"
                                           : "sign-in: the device wants a password");
}

static enum updraft_exit refused(struct updraft_push *push,
                                 const struct updraft_direct_refused *refused)
{
    struct updraft_failure failure;

    if (refused->code == UPDRAFT_E_AUTH)
        return wrong_password(push);
    updraft_failure_set(&failure, (enum updraft_error)refused->code, refused->a, refused->b,
                        refused->words);
    updraft_fail_from(&push->cli->fail, UPDRAFT_EXIT_REFUSED, &failure);
    return updraft_fail_wrap(&push->cli->fail, UPDRAFT_EXIT_REFUSED, "the device refused");
}

/* All bytes went out, but no verdict came back. */
static bool lacks_verdict(const struct updraft_direct_host *host)
{
    return host->went && host->sent_off == host->config.image_len &&
           (host->failure == UPDRAFT_DIRECT_HOST_CLOSED ||
            host->failure == UPDRAFT_DIRECT_HOST_STALLED);
}

static enum updraft_exit broke_off(struct updraft_push *push,
                                   const struct updraft_direct_host *host)
{
    const char *how =
        host->failure == UPDRAFT_DIRECT_HOST_STALLED ? "fell silent" : "closed the connection";

    if (lacks_verdict(host))
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_verdict",
                                "Ask the device which version it runs before you send again.",
                                "result: all %u bytes went out, but the device did not say what "
                                "came of them",
                                host->config.image_len);
    if (!host->went)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "disconnected",
                                "Check the port (--direct-port), and that the device is not busy; "
                                "try another way in with --via.",
                                "sign-in: the device %s before it had answered", how);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "disconnected",
                            "The device runs its old image. Send again: it goes on where it broke "
                            "off. If it repeats, look at the device's power supply and signal.",
                            "transfer: the device %s after %u of %u bytes were written", how,
                            host->written, host->config.image_len);
}

static enum updraft_exit in_words(struct updraft_push *push, const struct updraft_direct_host *host)
{
    switch (host->failure) {
    case UPDRAFT_DIRECT_HOST_NEEDS_PASSWORD:
        return wrong_password(push);
    case UPDRAFT_DIRECT_HOST_REFUSED:
        return refused(push, &host->refused);
    case UPDRAFT_DIRECT_HOST_IMPOSTOR:
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "impostor",
                                "Somebody else answers at this address, or sits in between. Check "
                                "the address before you give the password again.",
                                "sign-in: what answers there does not know the password");
    case UPDRAFT_DIRECT_HOST_ODD_ANSWER:
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "protocol",
                                "Check the port: something else may listen there. Try another way "
                                "in with --via.",
                                "what answers on TCP port %u does not speak this protocol",
                                port_of(push));
    case UPDRAFT_DIRECT_HOST_NO_FAILURE:
    case UPDRAFT_DIRECT_HOST_CLOSED:
    case UPDRAFT_DIRECT_HOST_STALLED:
        break;
    }
    return broke_off(push, host);
}

/* One connection, from HELLO to the verdict. */
static enum updraft_exit converse(struct updraft_push *push, struct updraft_direct_host *host)
{
    struct updraft_direct_host_config config = {
        .image = push->wire.data,
        .image_len = (uint32_t)push->wire.len,
        .password = push->password,
        .answer_ms = push->timeout_s * 2000,
        .stall_ms = push->timeout_s * 3000,
        .verdict_ms = push->timeout_s * 6000,
    };
    int fd = -1;
    enum updraft_exit exit = dial(push, &fd);

    memset(host, 0, sizeof *host);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (getrandom(config.nonce, sizeof config.nonce, 0) != (ssize_t)sizeof config.nonce) {
        close(fd);
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_FAILED, "random", "Try again.",
                                "the system gives no random numbers");
    }
    updraft_direct_host_init(host, &config, updraft_progress_now_ms());
    drive(push, fd, host);
    close(fd);
    push->sent_len += host->sent_off - host->resumed_off;
    if (push->resumed_off == 0)
        push->resumed_off = host->resumed_off;
    return host->state == UPDRAFT_DIRECT_HOST_DONE ? UPDRAFT_EXIT_OK : in_words(push, host);
}

/* Where dialling in again may help, once a transfer had begun: a device that restarts does not
 * listen for a while, and one that has not noticed yet that we are gone says that it is busy. */
static bool may_redial(const struct updraft_direct_host *host)
{
    return host->failure == UPDRAFT_DIRECT_HOST_NO_FAILURE ||
           host->failure == UPDRAFT_DIRECT_HOST_CLOSED ||
           host->failure == UPDRAFT_DIRECT_HOST_STALLED ||
           (host->failure == UPDRAFT_DIRECT_HOST_REFUSED && host->refused.code == UPDRAFT_E_BUSY);
}

/* The verdict was lost, but the device has the image: which version it runs is asked next anyway. */
static bool has_it_already(const struct updraft_direct_host *host)
{
    return host->failure == UPDRAFT_DIRECT_HOST_REFUSED &&
           (host->refused.code == UPDRAFT_E_RESTART_PENDING ||
            host->refused.code == UPDRAFT_E_ALREADY_RUNNING ||
            host->refused.code == UPDRAFT_E_TRIAL);
}

enum updraft_exit updraft_push_direct(struct updraft_push *push)
{
    struct updraft_direct_host host;
    enum updraft_exit exit = converse(push, &host);
    bool is_lost = lacks_verdict(&host);
    uint32_t written = host.written;

    if (!host.went)
        return exit;
    for (unsigned redials = 0;
         exit != UPDRAFT_EXIT_OK && may_redial(&host) && redials < REDIAL_LIMIT; redials++) {
        updraft_progress_step(&push->progress, "the connection broke off; dialling in again");
        (void)poll(NULL, 0, REDIAL_MS);
        exit = converse(push, &host);
        if (is_lost && has_it_already(&host))
            return UPDRAFT_EXIT_OK;
        is_lost = is_lost || lacks_verdict(&host);
        if (host.written > written)
            redials = 0;
        written = host.written > written ? host.written : written;
    }
    return exit;
}
