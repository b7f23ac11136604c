/* The console of OVMS v3 on standard input and over TCP: carries text between the engine of
 * device/console/ovms.h and the people at the other end.
 *
 * Owns: the listening socket, the sessions, and the engine. Standard input needs no password, TCP
 * does where the board has one. The caller polls the descriptors that updraft_console_poll() names,
 * then calls updraft_console_run(). */
#ifndef UPDRAFT_PORTS_POSIX_CONSOLE_H
#define UPDRAFT_PORTS_POSIX_CONSOLE_H

#include "ports/posix/brake.h"
#include "ports/posix/console_source.h"
#include "ports/posix/log.h"

#include <sys/socket.h>

#define UPDRAFT_CONSOLE_POLL_CAP (UPDRAFT_OVMS_SESSION_CAP + 1u + UPDRAFT_CONSOLE_SOURCE_POLL_CAP)

struct updraft_console_seat {
    struct sockaddr_storage from;
    int in_fd; /* -1: free */
    int out_fd;
    bool is_stdin;
    uint64_t held_until_ms; /* it guessed passwords too often: heard again then; 0: now */
    uint16_t in_off;
    uint16_t in_len; /* received and not yet taken by the engine */
    uint16_t out_len;
    char in[256];
    char out[512];
};

struct updraft_console {
    struct updraft_ovms ovms;
    struct updraft_console_source source;
    struct updraft_console_seat seats[UPDRAFT_OVMS_SESSION_CAP]; /* by the engine's number */
    struct updraft_brake *brake;
    const struct updraft_log *log;
    int listen_fd;   /* -1: no TCP */
    bool is_running; /* this device has a console */
    char version[160];
    char server[UPDRAFT_OVMS_SERVER_CAP];
    char user_agent[240];
    uint8_t sector[4096];
};

struct updraft_console_config {
    int listen_fd; /* bound but not yet listening; taken over. -1: none */
    bool on_stdin;
    bool may_look; /* by itself, once a day */
    uint32_t stall_s;
    struct updraft_brake *brake;
    const struct updraft_log *log;
    enum updraft_ovms_network network;
    const char *name;                       /* the vehicle's, for the server */
    const char *server;                     /* with its path; "": none */
    const struct updraft_ovms_config *ovms; /* buf and server are the console's own */
};

/* False after a printed sentence; nothing is taken over then. Without listen_fd and on_stdin there is
 * no console, and the other functions do nothing. */
bool updraft_console_open(struct updraft_console *console,
                          const struct updraft_console_config *config);
void updraft_console_close(struct updraft_console *console);

/* Fills up to UPDRAFT_CONSOLE_POLL_CAP entries; returns how many. */
unsigned updraft_console_poll(const struct updraft_console *console, struct pollfd *fds);
/* There is work to do at once. */
bool updraft_console_is_ready(const struct updraft_console *console);
void updraft_console_run(struct updraft_console *console, uint64_t now_ms);

/* It writes to flash past the transaction: no update may begin. */
bool updraft_console_is_writing(const struct updraft_console *console);
bool updraft_console_take_restart(struct updraft_console *console);

#endif
