/* espota over real sockets: carries datagrams and the stream between the engine of
 * device/push/espota.h and the network, without ever waiting.
 *
 * Owns: the UDP socket, the connection back to the host, and the engine. The caller polls the
 * descriptors that updraft_push_socket_poll() names, then calls updraft_push_socket_run(). */
#ifndef UPDRAFT_PORTS_POSIX_PUSH_SOCKET_H
#define UPDRAFT_PORTS_POSIX_PUSH_SOCKET_H

#include "device/push/espota.h"
#include "ports/posix/brake.h"
#include "ports/posix/pace.h"

#include <poll.h>
#include <sys/socket.h>

#define UPDRAFT_PUSH_SOCKET_POLL_CAP 2u

struct updraft_push_datagram {
    struct sockaddr_storage from;
    uint8_t bytes[UPDRAFT_ESPOTA_DATAGRAM_CAP];
    uint16_t len;
};

struct updraft_push_socket {
    struct updraft_espota espota;
    struct updraft_pace pace;
    struct updraft_brake *brake;
    uint32_t stall_s;
    struct updraft_push_datagram held; /* of one who guessed too often: looked at later */
    uint64_t held_until_ms;            /* 0: nothing is held */
    int udp_fd;
    int tcp_fd; /* -1: no connection */
    bool is_connected;
    uint64_t connect_deadline_ms;
    uint64_t close_deadline_ms; /* 0: not closing yet */
    uint16_t out_len;           /* stream bytes taken from the engine and not yet sent */
    char out[256];
};

struct updraft_push_socket_config {
    int udp_fd;       /* taken over */
    uint32_t stall_s; /* a stream that crawls for so long is given up */
    struct updraft_brake *brake;
    const struct updraft_espota_config *espota;
};

void updraft_push_socket_open(struct updraft_push_socket *push,
                              const struct updraft_push_socket_config *config);
void updraft_push_socket_close(struct updraft_push_socket *push);

/* Fills up to UPDRAFT_PUSH_SOCKET_POLL_CAP entries; returns how many. */
unsigned updraft_push_socket_poll(const struct updraft_push_socket *push, struct pollfd *fds);

void updraft_push_socket_run(struct updraft_push_socket *push, uint64_t now_ms);

/* How long to wait at most for the descriptors: limit_ms, or 0 while there is work without them. */
int updraft_push_socket_timeout_ms(const struct updraft_push_socket *push, int limit_ms);

/* An update over this way is going on, or a datagram is held. */
bool updraft_push_socket_is_busy(const struct updraft_push_socket *push);

#endif
