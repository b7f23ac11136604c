/* A brake on guessing passwords: after UPDRAFT_BRAKE_FREE wrong ones in a row from one address the
 * next attempt from there is looked at only UPDRAFT_BRAKE_MS later. Nobody else waits, and the right
 * password releases it.
 *
 * Owns: who guessed wrong lately; tells each wrong one as an event. No sockets, no waiting: the
 * ways in ask whether it is on. */
#ifndef UPDRAFT_PORTS_POSIX_BRAKE_H
#define UPDRAFT_PORTS_POSIX_BRAKE_H

#include "device/push/sign_in.h"
#include "ports/posix/log.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_BRAKE_FREE      5u
#define UPDRAFT_BRAKE_MS        1000u
#define UPDRAFT_BRAKE_GUEST_CAP 8u

struct updraft_guest {
    uint8_t address[16];   /* IPv6, or an IPv4 address as it is mapped there */
    uint32_t wrong_in_row; /* 0: free */
    uint64_t last_ms;      /* of the newest wrong one */
};

struct updraft_brake {
    const struct updraft_log *log;
    struct updraft_guest guests[UPDRAFT_BRAKE_GUEST_CAP];
};

void updraft_brake_init(struct updraft_brake *brake, const struct updraft_log *log);

/* How long the next attempt from there has to wait; 0: not at all. */
uint32_t updraft_brake_wait_ms(const struct updraft_brake *brake, const struct sockaddr *from,
                               uint64_t now_ms);

/* What came of an attempt; NONE is none. */
void updraft_brake_note(struct updraft_brake *brake, const struct sockaddr *from,
                        enum updraft_sign_in result, const char *via, uint64_t now_ms);

#endif
