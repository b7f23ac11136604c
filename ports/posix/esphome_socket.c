#include "ports/posix/esphome_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define CLOSE_MS    5000u /* for a host that does not read the last words */
#define READ_ROUNDS 16    /* reads a turn, so that the other sockets get theirs */
#define BACKLOG     4

bool updraft_esphome_socket_open(struct updraft_esphome_socket *esphome,
                                 const struct updraft_esphome_socket_config *config)
{
    if (config->listen_fd >= 0 && listen(config->listen_fd, BACKLOG) != 0)
        return false;
    *esphome = (struct updraft_esphome_socket){
        .listen_fd = config->listen_fd, .brake = config->brake, .stall_s = config->stall_s};
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++) {
        esphome->guests[i].fd = -1;
        updraft_esphome_init(&esphome->guests[i].engine, config->esphome);
    }
    return true;
}

static void hang_up(struct updraft_esphome_guest *guest)
{
    if (guest->fd < 0)
        return;
    close(guest->fd);
    guest->fd = -1;
    updraft_esphome_closed(&guest->engine);
}

void updraft_esphome_socket_close(struct updraft_esphome_socket *esphome)
{
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++)
        hang_up(&esphome->guests[i]);
    if (esphome->listen_fd >= 0)
        close(esphome->listen_fd);
    esphome->listen_fd = -1;
}

static struct updraft_esphome_guest *find_place(struct updraft_esphome_socket *esphome)
{
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++)
        if (esphome->guests[i].fd < 0)
            return &esphome->guests[i];
    return NULL;
}

unsigned updraft_esphome_socket_poll(const struct updraft_esphome_socket *esphome,
                                     struct pollfd *fds)
{
    unsigned count = 0;
    bool has_place = false;
    if (esphome->listen_fd < 0)
        return 0;
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++) {
        const struct updraft_esphome_guest *guest = &esphome->guests[i];
        has_place = has_place || guest->fd < 0;
        if (guest->fd < 0 || guest->held_until_ms)
            continue;
        /* While an answer cannot be sent nothing more is read: the host waits for it anyway. */
        fds[count++] =
            (struct pollfd){.fd = guest->fd, .events = guest->out_len == 0 ? POLLIN : POLLOUT};
    }
    /* Without a free place the next host waits its turn in the kernel's queue. */
    if (has_place)
        fds[count++] = (struct pollfd){.fd = esphome->listen_fd, .events = POLLIN};
    return count;
}

static void take_in(struct updraft_esphome_socket *esphome, uint64_t now_ms)
{
    struct updraft_esphome_guest *guest;
    while ((guest = find_place(esphome)) != NULL) {
        const struct sockaddr *from = (const struct sockaddr *)&guest->from;
        socklen_t len = sizeof guest->from;
        int on = 1; /* an answer held back costs the host 40 ms a block */
        int fd = accept4(esphome->listen_fd, (struct sockaddr *)&guest->from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        guest->fd = fd;
        guest->in_len = 0;
        guest->in_off = 0;
        guest->out_len = 0;
        guest->close_deadline_ms = 0;
        uint32_t wait_ms = updraft_brake_wait_ms(esphome->brake, from, now_ms);
        guest->held_until_ms = wait_ms ? now_ms + wait_ms : 0;
        updraft_esphome_connected(&guest->engine, now_ms);
    }
}

/* False when the connection is gone. */
static bool send_answers(struct updraft_esphome_guest *guest)
{
    for (;;) {
        if (guest->out_len == 0)
            guest->out_len =
                (uint16_t)updraft_esphome_drain(&guest->engine, guest->out, sizeof guest->out);
        if (guest->out_len == 0)
            return true;
        ssize_t sent = send(guest->fd, guest->out, guest->out_len, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        guest->out_len = (uint16_t)(guest->out_len - sent);
        memmove(guest->out, guest->out + sent, guest->out_len);
    }
}

/* Gives the engine what was received. False when the connection is gone. */
static bool feed_engine(struct updraft_esphome_guest *guest, uint64_t now_ms)
{
    while (guest->in_off < guest->in_len && guest->out_len == 0 &&
           updraft_esphome_wants(&guest->engine) == UPDRAFT_ESPHOME_WANTS_STREAM) {
        guest->in_off =
            (uint16_t)(guest->in_off +
                       updraft_esphome_feed(&guest->engine, guest->in + guest->in_off,
                                            (size_t)(guest->in_len - guest->in_off), now_ms));
        if (!send_answers(guest))
            return false;
    }
    return true;
}

/* An image that drips is not seen by a time-out between two pieces. */
static void keep_pace(struct updraft_esphome_guest *guest, uint32_t stall_s, size_t len,
                      uint64_t now_ms)
{
    if (guest->engine.received == 0)
        updraft_pace_begin(&guest->pace, stall_s, now_ms);
    updraft_pace_add(&guest->pace, len);
}

/* False when the connection is gone. */
static bool receive(struct updraft_esphome_guest *guest, uint32_t stall_s, uint64_t now_ms)
{
    for (int i = 0; i < READ_ROUNDS; i++) {
        if (!feed_engine(guest, now_ms))
            return false;
        if (guest->in_off < guest->in_len ||
            updraft_esphome_wants(&guest->engine) != UPDRAFT_ESPHOME_WANTS_STREAM)
            return true;
        ssize_t len = recv(guest->fd, guest->in, sizeof guest->in, 0);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR;
        if (len == 0)
            return false;
        guest->in_off = 0;
        guest->in_len = (uint16_t)len;
        keep_pace(guest, stall_s, (size_t)len, now_ms);
    }
    return true;
}

/* Over when the last words are out, or when a host does not take them. */
static bool is_over(struct updraft_esphome_guest *guest, uint64_t now_ms)
{
    if (updraft_esphome_wants(&guest->engine) != UPDRAFT_ESPHOME_WANTS_CLOSE)
        return false;
    if (guest->close_deadline_ms == 0)
        guest->close_deadline_ms = now_ms + CLOSE_MS;
    return guest->out_len == 0 || now_ms >= guest->close_deadline_ms;
}

static void run_guest(struct updraft_esphome_socket *esphome, struct updraft_esphome_guest *guest,
                      uint64_t now_ms)
{
    const struct sockaddr *from = (const struct sockaddr *)&guest->from;
    if (guest->held_until_ms > now_ms)
        return;
    guest->held_until_ms = 0;
    if (guest->engine.received > 0 && updraft_pace_is_too_slow(&guest->pace, now_ms))
        updraft_esphome_timed_out(&guest->engine, now_ms);
    updraft_esphome_tick(&guest->engine, now_ms);
    bool is_alive =
        send_answers(guest) && receive(guest, esphome->stall_s, now_ms) && send_answers(guest);
    updraft_brake_note(esphome->brake, from, updraft_esphome_take_sign_in(&guest->engine),
                       "esphome", now_ms);
    if (!is_alive || is_over(guest, now_ms))
        hang_up(guest);
}

void updraft_esphome_socket_run(struct updraft_esphome_socket *esphome, uint64_t now_ms)
{
    if (esphome->listen_fd < 0)
        return;
    take_in(esphome, now_ms);
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++)
        if (esphome->guests[i].fd >= 0)
            run_guest(esphome, &esphome->guests[i], now_ms);
}

bool updraft_esphome_socket_is_busy(const struct updraft_esphome_socket *esphome)
{
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++)
        if (esphome->guests[i].fd >= 0)
            return true;
    return false;
}

bool updraft_esphome_socket_take_restart(struct updraft_esphome_socket *esphome)
{
    bool restart = false;
    for (size_t i = 0; i < UPDRAFT_ESPHOME_GUEST_CAP; i++)
        restart = updraft_esphome_take_restart(&esphome->guests[i].engine) || restart;
    return restart;
}
