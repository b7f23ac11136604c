/* ESPHome's native protocol over real sockets: carries bytes between the engines of
 * device/push/esphome.h and the network, without ever waiting.
 *
 * Owns: the listening socket, a few connections, and an engine for each. More hosts than one, so
 * that a second one is told that an update runs, and one that says nothing keeps no one out.
 * The caller polls the descriptors that updraft_esphome_socket_poll() names, then calls
 * updraft_esphome_socket_run(). */
#ifndef UPDRAFT_PORTS_POSIX_ESPHOME_SOCKET_H
#define UPDRAFT_PORTS_POSIX_ESPHOME_SOCKET_H

#include "device/push/esphome.h"
#include "ports/posix/brake.h"
#include "ports/posix/pace.h"

#include <poll.h>
#include <sys/socket.h>

#define UPDRAFT_ESPHOME_GUEST_CAP       3u
#define UPDRAFT_ESPHOME_SOCKET_POLL_CAP (UPDRAFT_ESPHOME_GUEST_CAP + 1u)

struct updraft_esphome_guest {
    struct updraft_esphome engine;
    struct updraft_pace pace; /* of the image */
    struct sockaddr_storage from;
    int fd;                     /* -1: a free place */
    uint64_t held_until_ms;     /* it guessed passwords too often: looked at then; 0: now */
    uint64_t close_deadline_ms; /* 0: not closing yet */
    uint16_t in_off;
    uint16_t in_len;  /* received and not yet taken by the engine */
    uint16_t out_len; /* taken from the engine and not yet sent */
    uint8_t in[1460];
    uint8_t out[200];
};

struct updraft_esphome_socket {
    struct updraft_esphome_guest guests[UPDRAFT_ESPHOME_GUEST_CAP];
    struct updraft_brake *brake;
    uint32_t stall_s;
    int listen_fd; /* -1: this device does not speak it */
};

struct updraft_esphome_socket_config {
    int listen_fd;    /* bound but not yet listening; taken over. -1: none */
    uint32_t stall_s; /* a stream that crawls for so long is given up */
    struct updraft_brake *brake;
    const struct updraft_esphome_config *esphome;
};

/* False, errno set, when the socket cannot listen; nothing is taken over then. */
bool updraft_esphome_socket_open(struct updraft_esphome_socket *esphome,
                                 const struct updraft_esphome_socket_config *config);
void updraft_esphome_socket_close(struct updraft_esphome_socket *esphome);

/* Fills up to UPDRAFT_ESPHOME_SOCKET_POLL_CAP entries; returns how many. */
unsigned updraft_esphome_socket_poll(const struct updraft_esphome_socket *esphome,
                                     struct pollfd *fds);
void updraft_esphome_socket_run(struct updraft_esphome_socket *esphome, uint64_t now_ms);

/* Somebody is connected. */
bool updraft_esphome_socket_is_busy(const struct updraft_esphome_socket *esphome);

/* True once after a successful update whose connection is closed. */
bool updraft_esphome_socket_take_restart(struct updraft_esphome_socket *esphome);

#endif
