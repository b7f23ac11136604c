/* Updraft's own way in over real sockets: carries the stream between the engine of
 * device/push/direct.h and the network, without ever waiting.
 *
 * Owns: the listening socket, the one connection, and the engine. The caller polls the descriptors
 * that updraft_direct_socket_poll() names, then calls updraft_direct_socket_run(). */
#ifndef UPDRAFT_PORTS_POSIX_DIRECT_SOCKET_H
#define UPDRAFT_PORTS_POSIX_DIRECT_SOCKET_H

#include "device/push/direct.h"
#include "ports/posix/brake.h"
#include "ports/posix/pace.h"

#include <poll.h>
#include <sys/socket.h>

#define UPDRAFT_DIRECT_SOCKET_POLL_CAP 2u

struct updraft_direct_socket {
    struct updraft_direct direct;
    struct updraft_pace pace;
    struct updraft_brake *brake;
    uint32_t stall_s;
    int listen_fd;
    int fd; /* -1: no host is connected */
    struct sockaddr_storage from;
    uint64_t held_until_ms;     /* one who guessed too often is greeted then; 0: greeted */
    uint64_t close_deadline_ms; /* 0: not closing yet */
    uint16_t out_len;           /* taken from the engine and not yet sent */
    uint8_t out[256];
};

struct updraft_direct_socket_config {
    int listen_fd;    /* listening, non-blocking; taken over */
    uint32_t stall_s; /* a stream that crawls for so long is given up */
    struct updraft_brake *brake;
    const struct updraft_direct_config *direct;
};

void updraft_direct_socket_open(struct updraft_direct_socket *socket,
                                const struct updraft_direct_socket_config *config);
void updraft_direct_socket_close(struct updraft_direct_socket *socket);

/* Fills up to UPDRAFT_DIRECT_SOCKET_POLL_CAP entries; returns how many. */
unsigned updraft_direct_socket_poll(const struct updraft_direct_socket *socket, struct pollfd *fds);

void updraft_direct_socket_run(struct updraft_direct_socket *socket, uint64_t now_ms);

/* A host is connected. */
bool updraft_direct_socket_is_busy(const struct updraft_direct_socket *socket);

#endif
