#include "ports/posix/push_socket.h"

#include "ports/posix/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS  10000u /* stock hosts wait as long for the call back */
#define CLOSE_MS    5000u  /* for a host that does not read the last words */
#define READ_LEN    1460u  /* what the stock devices take at once */
#define READ_ROUNDS 16     /* reads a turn, so that the other sockets get theirs */

_Static_assert(sizeof(((struct updraft_peer *)0)->bytes) >= sizeof(struct sockaddr_in6),
               "a peer holds any address");

void updraft_push_socket_open(struct updraft_push_socket *push,
                              const struct updraft_push_socket_config *config)
{
    *push = (struct updraft_push_socket){
        .udp_fd = config->udp_fd, .tcp_fd = -1, .brake = config->brake, .stall_s = config->stall_s};
    updraft_espota_init(&push->espota, config->espota);
}

static void close_stream(struct updraft_push_socket *push)
{
    if (push->tcp_fd >= 0)
        close(push->tcp_fd);
    push->tcp_fd = -1;
    push->is_connected = false;
    push->out_len = 0;
    push->close_deadline_ms = 0;
}

void updraft_push_socket_close(struct updraft_push_socket *push)
{
    close_stream(push);
    close(push->udp_fd);
    push->udp_fd = -1;
}

unsigned updraft_push_socket_poll(const struct updraft_push_socket *push, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = push->udp_fd, .events = POLLIN};
    if (push->tcp_fd < 0)
        return 1;
    /* While an acknowledgement cannot be sent nothing more is read: the host waits for it anyway.
     */
    short events = push->is_connected && push->out_len == 0 ? POLLIN : POLLOUT;
    fds[1] = (struct pollfd){.fd = push->tcp_fd, .events = events};
    return 2;
}

static void send_reply(struct updraft_push_socket *push)
{
    struct updraft_peer to;
    uint8_t reply[UPDRAFT_ESPOTA_DATAGRAM_CAP];
    size_t len = updraft_espota_reply(&push->espota, &to, reply, sizeof reply);
    if (len == 0)
        return;
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    memcpy(&address, to.bytes, to.len);
    /* Lost like any datagram when the socket is full: the host asks again. */
    (void)sendto(push->udp_fd, reply, len, MSG_NOSIGNAL, (struct sockaddr *)&address, to.len);
}

static void note_sign_in(struct updraft_push_socket *push, const struct sockaddr *from,
                         uint64_t now_ms)
{
    updraft_brake_note(push->brake, from, updraft_espota_take_sign_in(&push->espota), "espota",
                       now_ms);
}

static void take_datagram(struct updraft_push_socket *push,
                          const struct updraft_push_datagram *datagram, uint64_t now_ms)
{
    const struct sockaddr *address = (const struct sockaddr *)&datagram->from;
    struct updraft_peer from = {.len = (uint8_t)updraft_sockets_address_len(&datagram->from)};
    memcpy(from.bytes, &datagram->from, from.len);
    updraft_espota_datagram(&push->espota, &from, datagram->bytes, datagram->len, now_ms);
    note_sign_in(push, address, now_ms);
    send_reply(push);
}

/* One at a time: what else comes from those who are braked is lost, and they send it again. */
static void hold_datagram(struct updraft_push_socket *push,
                          const struct updraft_push_datagram *datagram, uint64_t until_ms)
{
    if (push->held_until_ms != 0)
        return;
    push->held = *datagram;
    push->held_until_ms = until_ms;
}

static void release_datagram(struct updraft_push_socket *push, uint64_t now_ms)
{
    if (push->held_until_ms == 0 || now_ms < push->held_until_ms)
        return;
    push->held_until_ms = 0;
    take_datagram(push, &push->held, now_ms);
}

static void receive_datagrams(struct updraft_push_socket *push, uint64_t now_ms)
{
    for (int i = 0; i < READ_ROUNDS; i++) {
        struct updraft_push_datagram datagram;
        struct sockaddr *from = (struct sockaddr *)&datagram.from;
        socklen_t from_len = sizeof datagram.from;
        memset(&datagram.from, 0, sizeof datagram.from);
        ssize_t len =
            recvfrom(push->udp_fd, datagram.bytes, sizeof datagram.bytes, 0, from, &from_len);
        if (len < 0)
            return;
        datagram.len = (uint16_t)len;
        uint32_t wait_ms = updraft_brake_wait_ms(push->brake, from, now_ms);
        if (wait_ms > 0)
            hold_datagram(push, &datagram, now_ms + wait_ms);
        else
            take_datagram(push, &datagram, now_ms);
    }
}

static void start_connect(struct updraft_push_socket *push, uint64_t now_ms)
{
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    memcpy(&address, push->espota.invited_by.bytes, push->espota.invited_by.len);
    updraft_sockets_set_port(&address, updraft_espota_port(&push->espota));
    push->tcp_fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    push->connect_deadline_ms = now_ms + CONNECT_MS;
    int result = push->tcp_fd < 0 ? -1
                                  : connect(push->tcp_fd, (struct sockaddr *)&address,
                                            updraft_sockets_address_len(&address));
    if (result < 0 && (push->tcp_fd < 0 || errno != EINPROGRESS)) {
        close_stream(push);
        updraft_espota_connect_failed(&push->espota);
    }
}

static void finish_connect(struct updraft_push_socket *push, uint64_t now_ms)
{
    struct pollfd fd = {.fd = push->tcp_fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    bool is_late = now_ms >= push->connect_deadline_ms;
    if (poll(&fd, 1, 0) == 0 && !is_late)
        return;
    if (is_late || getsockopt(push->tcp_fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
        close_stream(push);
        updraft_espota_connect_failed(&push->espota);
        return;
    }
    int on = 1; /* an acknowledgement held back costs the host 40 ms a chunk */
    (void)setsockopt(push->tcp_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    push->is_connected = true;
    updraft_pace_begin(&push->pace, push->stall_s, now_ms);
    updraft_espota_connected(&push->espota, now_ms);
}

/* False when the connection is gone. */
static bool send_stream(struct updraft_push_socket *push)
{
    for (;;) {
        if (push->out_len == 0)
            push->out_len = (uint16_t)updraft_espota_drain(&push->espota, (uint8_t *)push->out,
                                                           sizeof push->out);
        if (push->out_len == 0)
            return true;
        ssize_t sent = send(push->tcp_fd, push->out, push->out_len, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        push->out_len = (uint16_t)(push->out_len - sent);
        memmove(push->out, push->out + sent, push->out_len);
    }
}

/* False when the connection is gone. */
static bool receive_stream(struct updraft_push_socket *push, uint64_t now_ms)
{
    for (int i = 0; i < READ_ROUNDS; i++) {
        if (push->out_len || updraft_espota_wants(&push->espota) != UPDRAFT_ESPOTA_WANTS_STREAM)
            return true;
        uint8_t bytes[READ_LEN];
        ssize_t len = recv(push->tcp_fd, bytes, sizeof bytes, 0);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        if (len == 0)
            return false;
        updraft_pace_add(&push->pace, (uint64_t)len);
        /* The count goes out before the flash is busy, so that the next chunk travels meanwhile. */
        updraft_espota_acknowledge(&push->espota, (size_t)len, now_ms);
        if (!send_stream(push))
            return false;
        updraft_espota_feed(&push->espota, bytes, (size_t)len, now_ms);
        if (!send_stream(push))
            return false;
    }
    return true;
}

/* Over when the last words are out, or when a host does not take them. */
static bool is_over(struct updraft_push_socket *push, uint64_t now_ms)
{
    if (updraft_espota_wants(&push->espota) != UPDRAFT_ESPOTA_WANTS_CLOSE)
        return false;
    if (push->close_deadline_ms == 0)
        push->close_deadline_ms = now_ms + CLOSE_MS;
    return push->out_len == 0 || now_ms >= push->close_deadline_ms;
}

static void run_stream(struct updraft_push_socket *push, uint64_t now_ms)
{
    if (updraft_pace_is_too_slow(&push->pace, now_ms))
        updraft_espota_timed_out(&push->espota, now_ms);
    bool is_alive = send_stream(push) && receive_stream(push, now_ms) && send_stream(push);
    if (!is_alive || is_over(push, now_ms)) {
        close_stream(push);
        updraft_espota_closed(&push->espota, now_ms);
    }
}

/* A password's answer may be decided only now. */
static void tick(struct updraft_push_socket *push, uint64_t now_ms)
{
    struct sockaddr_storage from;
    memset(&from, 0, sizeof from);
    memcpy(&from, push->espota.accepted.bytes, push->espota.accepted.len);
    updraft_espota_tick(&push->espota, now_ms);
    note_sign_in(push, (const struct sockaddr *)&from, now_ms);
}

void updraft_push_socket_run(struct updraft_push_socket *push, uint64_t now_ms)
{
    release_datagram(push, now_ms);
    receive_datagrams(push, now_ms);
    tick(push, now_ms);
    if (push->tcp_fd < 0 && updraft_espota_wants(&push->espota) == UPDRAFT_ESPOTA_WANTS_CONNECT)
        start_connect(push, now_ms);
    if (push->tcp_fd >= 0 && !push->is_connected)
        finish_connect(push, now_ms);
    if (push->tcp_fd >= 0 && push->is_connected)
        run_stream(push, now_ms);
    send_reply(push);
}

int updraft_push_socket_timeout_ms(const struct updraft_push_socket *push, int limit_ms)
{
    return updraft_espota_wants(&push->espota) == UPDRAFT_ESPOTA_WANTS_TICK ? 0 : limit_ms;
}

bool updraft_push_socket_is_busy(const struct updraft_push_socket *push)
{
    return push->held_until_ms != 0 ||
           updraft_espota_wants(&push->espota) != UPDRAFT_ESPOTA_WANTS_NOTHING;
}
