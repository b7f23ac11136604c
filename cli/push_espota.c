/* espota over real sockets: drives the engine of espota_host.c and puts its failures into words. */
#include "cli/espota_call_back.h"
#include "cli/espota_host.h"
#include "cli/push.h"
#include "cli/push_words.h"
#include "format/chip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS       50
#define SEND_CAP      (32 * 1024) /* no more than this waits in the socket: the bar stays honest */
#define UNHEARD_LIMIT 2u          /* so many "port unreachable" mean that no one listens there */

struct link {
    int udp;
    int listener;
    int stream; /* -1: the device has not connected */
    struct sockaddr_storage device;
    struct sockaddr_storage local; /* ours, on the way to the device: where it connects to */
    socklen_t address_len;
    uint16_t ota_port;
    uint16_t host_port;
    unsigned unheard;
    const uint8_t *chunk; /* not yet written to the stream */
    size_t chunk_len;
};

static enum updraft_exit network_fail(struct updraft_push *push, const char *what, int error)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                            "Check the address, and that this computer has a network.", "%s: %s",
                            what, strerror(error));
}

static uint16_t *port_in(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? &((struct sockaddr_in *)address)->sin_port
                                         : &((struct sockaddr_in6 *)address)->sin6_port;
}

static void write_address(const struct sockaddr_storage *address, char out[NI_MAXHOST])
{
    if (getnameinfo((const struct sockaddr *)address, sizeof *address, out, NI_MAXHOST, NULL, 0,
                    NI_NUMERICHOST))
        snprintf(out, NI_MAXHOST, "?");
}

/* IPv4 when the name has it: the stock devices know no other. */
static enum updraft_exit resolve(struct updraft_push *push, struct link *link)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    const struct addrinfo *best;
    int status = getaddrinfo(push->host, NULL, &hints, &found);

    if (status)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                                "Check the name, or give the device's IP address.",
                                "the name %s is not known: %s", push->host, gai_strerror(status));
    for (best = found; best->ai_family != AF_INET && best->ai_next;)
        best = best->ai_next;
    if (best->ai_family != AF_INET)
        best = found;
    memcpy(&link->device, best->ai_addr, best->ai_addrlen);
    link->address_len = best->ai_addrlen;
    freeaddrinfo(found);
    *port_in(&link->device) = htons(link->ota_port);
    return UPDRAFT_EXIT_OK;
}

/* Connected, so that the system chooses the interface: the device sees the address that this socket
 * has then, and connects to it. */
static enum updraft_exit open_udp(struct updraft_push *push, struct link *link)
{
    socklen_t len = sizeof link->local;

    link->udp = socket(link->device.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->udp < 0 || connect(link->udp, (struct sockaddr *)&link->device, link->address_len) ||
        getsockname(link->udp, (struct sockaddr *)&link->local, &len))
        return network_fail(push, push->host, errno);
    return UPDRAFT_EXIT_OK;
}

/* The host listens before it invites, or a quick device finds no one; and on that address alone. */
static enum updraft_exit open_listener(struct updraft_push *push, struct link *link)
{
    struct sockaddr_storage local = link->local;
    socklen_t len = link->address_len;
    const int on = 1;

    *port_in(&local) = htons(push->host_port);
    link->listener = socket(local.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->listener < 0)
        return network_fail(push, "socket", errno);
    (void)setsockopt(link->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(link->listener, (struct sockaddr *)&local, len) || listen(link->listener, 1) ||
        getsockname(link->listener, (struct sockaddr *)&local, &len))
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_listen",
                                "Choose another with --host-port.",
                                "port %u of this computer cannot be opened: %s", push->host_port,
                                strerror(errno));
    link->host_port = ntohs(*port_in(&local));
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit open_link(struct updraft_push *push, struct link *link)
{
    enum updraft_exit exit = resolve(push, link);

    if (exit == UPDRAFT_EXIT_OK)
        exit = open_udp(push, link);
    if (exit == UPDRAFT_EXIT_OK)
        exit = open_listener(push, link);
    return exit;
}

static void close_link(struct link *link)
{
    if (link->stream >= 0)
        close(link->stream);
    if (link->listener >= 0)
        close(link->listener);
    if (link->udp >= 0)
        close(link->udp);
}

static bool is_device(const struct link *link, const struct sockaddr_storage *from)
{
    if (from->ss_family != link->device.ss_family)
        return false;
    if (from->ss_family == AF_INET)
        return ((const struct sockaddr_in *)from)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)&link->device)->sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)from)->sin6_addr,
                              &((const struct sockaddr_in6 *)&link->device)->sin6_addr);
}

/* Only the device itself may fetch the image. */
static void accept_device(struct link *link, struct updraft_espota_host *host, uint64_t now_ms)
{
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    const int on = 1;
    const int send_cap = SEND_CAP;
    int fd =
        accept4(link->listener, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    if (link->stream >= 0 || !is_device(link, &from)) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_cap, sizeof send_cap);
    link->stream = fd;
    updraft_espota_host_connected(host, now_ms);
}

static void read_datagrams(struct link *link, struct updraft_espota_host *host, uint64_t now_ms)
{
    uint8_t data[512];
    ssize_t len = recv(link->udp, data, sizeof data, 0);

    if (len >= 0)
        updraft_espota_host_datagram(host, data, (size_t)len, now_ms);
    else if (errno == ECONNREFUSED)
        link->unheard++;
}

static void read_stream(struct link *link, struct updraft_espota_host *host, uint64_t now_ms)
{
    uint8_t data[512];
    ssize_t len = recv(link->stream, data, sizeof data, 0);

    if (len > 0)
        updraft_espota_host_feed(host, data, (size_t)len, now_ms);
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        updraft_espota_host_closed(host);
}

/* Until the socket or the engine has had enough. */
static void write_stream(struct link *link, struct updraft_espota_host *host, uint64_t now_ms)
{
    for (;;) {
        if (link->chunk_len == 0)
            link->chunk_len = updraft_espota_host_take_chunk(host, &link->chunk, now_ms);
        if (link->chunk_len == 0)
            return;
        ssize_t len = send(link->stream, link->chunk, link->chunk_len, MSG_NOSIGNAL);
        if (len < 0 && errno != EAGAIN && errno != EINTR)
            /* The device may have said why before it closed: what it sent is still to be read. */
            link->chunk_len = 0;
        if (len < 0)
            return;
        link->chunk += len;
        link->chunk_len -= (size_t)len;
    }
}

/* What the device's side has taken: not what still waits on ours. */
static uint32_t delivered_len(const struct link *link, const struct updraft_espota_host *host)
{
    int waiting = 0;

    if (link->stream < 0 || ioctl(link->stream, SIOCOUTQ, &waiting) || waiting < 0)
        waiting = 0;
    size_t undelivered = link->chunk_len + (size_t)waiting;
    return undelivered < host->sent_len ? host->sent_len - (uint32_t)undelivered : 0;
}

static void write_datagram(struct link *link, struct updraft_espota_host *host)
{
    uint8_t data[UPDRAFT_ESPOTA_HOST_DATAGRAM_CAP];
    size_t len = updraft_espota_host_take_datagram(host, data, sizeof data);

    if (len > 0 && send(link->udp, data, len, 0) < 0 && errno == ECONNREFUSED) {
        /* That was the answer to an earlier one; this one did not go out. */
        link->unheard++;
        (void)send(link->udp, data, len, 0);
    }
}

static void wait_for_traffic(struct link *link, struct updraft_espota_host *host)
{
    uint64_t now_ms;
    struct pollfd fds[3] = {
        {.fd = link->udp, .events = POLLIN},
        {.fd = link->listener, .events = POLLIN},
        {.fd = link->stream, .events = (short)(POLLIN | (link->chunk_len ? POLLOUT : 0))},
    };

    if (poll(fds, 3, TICK_MS) < 0)
        return;
    now_ms = updraft_progress_now_ms();
    if (fds[0].revents)
        read_datagrams(link, host, now_ms);
    if (fds[1].revents)
        accept_device(link, host, now_ms);
    if (fds[2].revents & (POLLIN | POLLHUP | POLLERR))
        read_stream(link, host, now_ms);
}

static void say_state(struct updraft_push *push, const struct updraft_espota_host *host,
                      enum updraft_espota_host_state *said)
{
    if (host->state == *said)
        return;
    if (host->state == UPDRAFT_ESPOTA_HOST_PROVING)
        updraft_progress_step(&push->progress, "the device asks for the password");
    else if (host->state == UPDRAFT_ESPOTA_HOST_STREAMING)
        updraft_progress_begin(&push->progress, "sending", push->wire.len);
    *said = host->state;
}

static void drive(struct updraft_push *push, struct link *link, struct updraft_espota_host *host)
{
    enum updraft_espota_host_state said = UPDRAFT_ESPOTA_HOST_INVITING;

    while (host->state < UPDRAFT_ESPOTA_HOST_DONE) {
        if (host->state == UPDRAFT_ESPOTA_HOST_INVITING && link->unheard >= UNHEARD_LIMIT)
            return;
        write_datagram(link, host);
        if (link->stream >= 0)
            write_stream(link, host, updraft_progress_now_ms());
        say_state(push, host, &said);
        if (host->state == UPDRAFT_ESPOTA_HOST_STREAMING ||
            host->state == UPDRAFT_ESPOTA_HOST_FINISHING)
            updraft_progress_update(&push->progress, delivered_len(link, host));
        wait_for_traffic(link, host);
        updraft_espota_host_tick(host, updraft_progress_now_ms());
    }
    updraft_progress_end(&push->progress);
}

static enum updraft_exit no_answer(struct updraft_push *push, const struct link *link)
{
    if (link->unheard)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_answer",
                                "Check that updates are enabled on the device, and its port: 3232 "
                                "for ESP32, 8266 for ESP8266 (--ota-port).",
                                "invitation: %s is there, but nothing listens on UDP port %u",
                                push->host, link->ota_port);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_answer",
                            "Check that the device is on, its address, and its port: 3232 for "
                            "ESP32, 8266 for ESP8266 (--ota-port). If the network was flaky, try "
                            "again.",
                            "invitation: no answer from %s, UDP port %u", push->host,
                            link->ota_port);
}

static enum updraft_exit no_call_back(struct updraft_push *push, const struct link *link,
                                      const struct updraft_espota_host *host)
{
    char device[NI_MAXHOST];
    char local[NI_MAXHOST];
    char remedy[sizeof push->cli->fail.remedy];

    write_address(&link->device, device);
    write_address(&link->local, local);
    const struct updraft_call_back call_back = {
        .device = device,
        .local = local,
        .port = link->host_port,
        .is_fixed = push->host_port != 0,
        .root = "",
    };
    updraft_call_back_remedy(&call_back, remedy, sizeof remedy);
    if (host->text[0])
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_call_back", remedy,
                                "call back: the device cannot connect to %s, TCP port %u: %s",
                                local, link->host_port, host->text);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_call_back", remedy,
                            "call back: the device took the invitation, but did not connect to %s, "
                            "TCP port %u%s",
                            local, link->host_port,
                            push->image.info.chip_id == UPDRAFT_CHIP_ESP8266
                                ? ""
                                : "; an ESP32 also goes quiet when the image is too large for it");
}

static enum updraft_exit wrong_password(struct updraft_push *push, const char *what)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                            push->password ? "Check --password; it is the one in the device's "
                                             "firmware."
                                           : "Give it with --password, or in UPDRAFT_PASSWORD.",
                            "password: %s", what);
}

static enum updraft_exit refused(struct updraft_push *push, const struct updraft_espota_host *host,
                                 const char *step)
{
    struct updraft_push_words means = updraft_push_words(host->text);

    if (host->config.image_len != host->sent_len || !strcmp(step, "invitation"))
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, means.name, means.remedy,
                                "%s: the device refused %u bytes, after %u of them: %s", step,
                                host->config.image_len, host->sent_len, host->text);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_REFUSED, means.name, means.remedy,
                            "%s: the device refused the image: %s", step, host->text);
}

static enum updraft_exit broke_off(struct updraft_push *push,
                                   const struct updraft_espota_host *host, const char *how)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "disconnected",
                            "The device runs its old image. Send again; if it repeats, look at its "
                            "power supply and at the signal.",
                            "transfer: the device %s after %u of %u bytes", how, host->sent_len,
                            host->config.image_len);
}

static enum updraft_exit in_words(struct updraft_push *push, const struct link *link,
                                  const struct updraft_espota_host *host)
{
    switch (host->failure) {
    case UPDRAFT_ESPOTA_HOST_NO_FAILURE:
    case UPDRAFT_ESPOTA_HOST_NO_ANSWER:
        return no_answer(push, link);
    case UPDRAFT_ESPOTA_HOST_NEEDS_PASSWORD:
        return wrong_password(push, "the device wants one, and none is given");
    case UPDRAFT_ESPOTA_HOST_WRONG_PASSWORD:
        return wrong_password(push, "the device does not take it");
    case UPDRAFT_ESPOTA_HOST_NO_PROOF_ANSWER:
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_answer",
                                "Try again; an answer may have been lost. Old devices also keep "
                                "silent about a password they cannot use.",
                                "password: the device asked for it, but did not answer it");
    case UPDRAFT_ESPOTA_HOST_ODD_ANSWER:
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "protocol",
                                "Check the port: something else may listen there.",
                                "the device's answer is not of this protocol: %s", host->text);
    case UPDRAFT_ESPOTA_HOST_REFUSED:
        return refused(push, host, "invitation");
    case UPDRAFT_ESPOTA_HOST_NO_CALL_BACK:
        return no_call_back(push, link, host);
    case UPDRAFT_ESPOTA_HOST_CLOSED:
        return broke_off(push, host, "closed the connection");
    case UPDRAFT_ESPOTA_HOST_STALLED:
        return broke_off(push, host, "stopped answering");
    case UPDRAFT_ESPOTA_HOST_ERROR_TEXT:
        return refused(push, host, "transfer");
    case UPDRAFT_ESPOTA_HOST_NO_VERDICT:
        break;
    }
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_verdict",
                            "Ask the device which version it runs before you send again.",
                            "result: all %u bytes went out, but the device said neither OK nor why "
                            "not",
                            host->config.image_len);
}

static uint16_t port_of(const struct updraft_push *push)
{
    if (push->ota_port)
        return push->ota_port;
    if (push->device.ota_port)
        return push->device.ota_port;
    if (push->given_port)
        return push->given_port;
    return push->image.info.chip_id == UPDRAFT_CHIP_ESP8266 ? UPDRAFT_ESPOTA_PORT_ESP8266
                                                            : UPDRAFT_ESPOTA_PORT_ESP32;
}

enum updraft_exit updraft_push_espota(struct updraft_push *push)
{
    struct link link = {.udp = -1, .listener = -1, .stream = -1, .ota_port = port_of(push)};
    struct updraft_espota_host host;
    enum updraft_exit exit = open_link(push, &link);

    if (exit == UPDRAFT_EXIT_OK) {
        const struct updraft_espota_host_config config = {
            .image = push->wire.data,
            .image_len = (uint32_t)push->wire.len,
            .filesystem = push->filesystem,
            .tcp_port = link.host_port,
            .password = push->password,
            .name = updraft_file_name(push->path),
            .address = push->host,
            .invitations = push->timeout_s < UPDRAFT_ESPOTA_HOST_INVITATIONS
                               ? push->timeout_s
                               : UPDRAFT_ESPOTA_HOST_INVITATIONS,
            .answer_ms = push->timeout_s * 1000,
            .stream_ms = push->timeout_s * 3000,
            .verdict_ms = push->timeout_s * 6000,
        };

        updraft_progress_step(&push->progress, "inviting %s, UDP port %u, back to TCP port %u",
                              push->host, link.ota_port, link.host_port);
        updraft_espota_host_init(&host, &config, updraft_progress_now_ms());
        drive(push, &link, &host);
        push->sent_len = host.sent_len;
        if (host.state != UPDRAFT_ESPOTA_HOST_DONE)
            exit = in_words(push, &link, &host);
    }
    close_link(&link);
    return exit;
}
