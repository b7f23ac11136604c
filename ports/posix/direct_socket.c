#include "ports/posix/direct_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define CLOSE_MS    5000u /* for a host that does not read the last word */
#define READ_LEN    4096u
#define READ_ROUNDS 16 /* reads a turn, so that the other sockets get theirs */

void updraft_direct_socket_open(struct updraft_direct_socket *socket,
                                const struct updraft_direct_socket_config *config)
{
    *socket = (struct updraft_direct_socket){.listen_fd = config->listen_fd,
                                             .fd = -1,
                                             .brake = config->brake,
                                             .stall_s = config->stall_s};
    updraft_direct_init(&socket->direct, config->direct);
}

static void close_stream(struct updraft_direct_socket *socket)
{
    if (socket->fd < 0)
        return;
    close(socket->fd);
    socket->fd = -1;
    socket->out_len = 0;
    socket->held_until_ms = 0;
    socket->close_deadline_ms = 0;
    updraft_direct_closed(&socket->direct);
}

void updraft_direct_socket_close(struct updraft_direct_socket *socket)
{
    close_stream(socket);
    close(socket->listen_fd);
    socket->listen_fd = -1;
}

unsigned updraft_direct_socket_poll(const struct updraft_direct_socket *socket, struct pollfd *fds)
{
    short out = socket->out_len > 0 ? POLLOUT : 0;

    fds[0] = (struct pollfd){.fd = socket->listen_fd, .events = POLLIN};
    /* Who is held is not read: what it says first would wait in its way. */
    if (socket->fd < 0 || socket->held_until_ms != 0)
        return 1;
    fds[1] = (struct pollfd){.fd = socket->fd, .events = (short)(POLLIN | out)};
    return 2;
}

static void greet(struct updraft_direct_socket *socket, uint64_t now_ms)
{
    if (socket->held_until_ms > now_ms)
        return;
    socket->held_until_ms = 0;
    updraft_pace_begin(&socket->pace, socket->stall_s, now_ms);
    updraft_direct_opened(&socket->direct, now_ms);
}

static void accept_host(struct updraft_direct_socket *socket, uint64_t now_ms)
{
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    const int on = 1;
    int fd = accept4(socket->listen_fd, (struct sockaddr *)&from, &from_len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (socket->held_until_ms != 0)
        close_stream(socket); /* who is held for guessing passwords keeps no one else out */
    if (socket->fd >= 0) {
        uint8_t words[UPDRAFT_DIRECT_MESSAGE_CAP];

        (void)send(fd, words, updraft_direct_turn_away(words), MSG_NOSIGNAL);
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    socket->fd = fd;
    socket->from = from;
    uint32_t wait_ms = updraft_brake_wait_ms(socket->brake, (struct sockaddr *)&from, now_ms);
    socket->held_until_ms = wait_ms > 0 ? now_ms + wait_ms : 0;
    if (wait_ms == 0)
        greet(socket, now_ms);
}

/* A host that is gone may have left bytes to be read: a transfer that breaks off keeps them. So a write
 * that fails ends nothing; what there is to say is dropped. */
static void send_stream(struct updraft_direct_socket *socket)
{
    for (;;) {
        if (socket->out_len == 0)
            socket->out_len =
                (uint16_t)updraft_direct_drain(&socket->direct, socket->out, sizeof socket->out);
        if (socket->out_len == 0)
            return;
        ssize_t sent = send(socket->fd, socket->out, socket->out_len, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0)
            sent = socket->out_len;
        socket->out_len = (uint16_t)(socket->out_len - sent);
        memmove(socket->out, socket->out + sent, socket->out_len);
    }
}

/* False when the connection is gone. */
static bool receive_stream(struct updraft_direct_socket *socket, uint64_t now_ms)
{
    for (int i = 0; i < READ_ROUNDS; i++) {
        uint8_t bytes[READ_LEN];
        ssize_t len = recv(socket->fd, bytes, sizeof bytes, 0);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        if (len == 0)
            return false;
        updraft_pace_add(&socket->pace, (uint64_t)len);
        updraft_direct_feed(&socket->direct, bytes, (size_t)len, now_ms);
        updraft_brake_note(socket->brake, (struct sockaddr *)&socket->from,
                           updraft_direct_take_sign_in(&socket->direct), "direct", now_ms);
        send_stream(socket);
    }
    return true;
}

/* Over when the last word is out, or when a host does not take it. */
static bool is_over(struct updraft_direct_socket *socket, uint64_t now_ms)
{
    if (!updraft_direct_wants_close(&socket->direct))
        return false;
    if (socket->close_deadline_ms == 0)
        socket->close_deadline_ms = now_ms + CLOSE_MS;
    return socket->out_len == 0 || now_ms >= socket->close_deadline_ms;
}

static void run_stream(struct updraft_direct_socket *socket, uint64_t now_ms)
{
    if (socket->held_until_ms != 0) {
        greet(socket, now_ms);
        if (socket->held_until_ms != 0)
            return;
    }
    if (updraft_pace_is_too_slow(&socket->pace, now_ms))
        updraft_direct_timed_out(&socket->direct, now_ms);
    updraft_direct_tick(&socket->direct, now_ms);
    send_stream(socket);
    if (!receive_stream(socket, now_ms) || is_over(socket, now_ms))
        close_stream(socket);
}

void updraft_direct_socket_run(struct updraft_direct_socket *socket, uint64_t now_ms)
{
    accept_host(socket, now_ms);
    if (socket->fd >= 0)
        run_stream(socket, now_ms);
}

bool updraft_direct_socket_is_busy(const struct updraft_direct_socket *socket)
{
    return socket->fd >= 0;
}
