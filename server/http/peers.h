/* Connections and their absolute deadlines. The HTTP library restarts its inactivity clock with every
 * byte, so a client that sends or takes one byte a second is never cut by it; these clocks are not
 * restarted by anything but progress to the next phase.
 *
 * When it gets crowded, whoever comes in takes the place of the one that has waited longest without
 * having asked for anything: idle connections in any number keep nobody out, operators least of all.
 *
 * Owns: a record a connection. Does not own: the sockets; a late connection is shut down, and the
 * library closes it. Any thread may call. */
#ifndef UPDRAFT_SERVER_HTTP_PEERS_H
#define UPDRAFT_SERVER_HTTP_PEERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum updraft_peer_phase {
    UPDRAFT_PEER_IDLE,    /* until the next request line is complete */
    UPDRAFT_PEER_HEADERS, /* until the headers are complete */
    UPDRAFT_PEER_BODY,    /* len: bytes expected */
    UPDRAFT_PEER_WAITS,   /* it is our turn */
    UPDRAFT_PEER_TAKES,   /* len: bytes of the answer */
};

struct updraft_peer {
    struct updraft_peer *next;
    struct updraft_peer *previous;
    int fd;
    enum updraft_peer_phase phase;
    bool ended;  /* the last sweep found the end of what it sends */
    bool queued; /* among those that have asked for nothing yet */
    struct updraft_peer *queue_next;
    struct updraft_peer *queue_previous;
    int64_t queued_ms;   /* since then */
    int64_t deadline_ms; /* steady clock; INT64_MAX: none */
};

struct updraft_peers {
    pthread_mutex_t lock;
    struct updraft_peer *first;
    struct updraft_peer *queue_first; /* has waited longest */
    struct updraft_peer *queue_last;
    unsigned count;
    unsigned crowd;
};

/* From crowd connections on, each new one ends an idle one of more than a second. It must lie below the library's own limit:
 * at that, nobody gets in at all. */
void updraft_peers_init(struct updraft_peers *peers, unsigned crowd);
void updraft_peers_deinit(struct updraft_peers *peers);
struct updraft_peer *updraft_peers_add(struct updraft_peers *peers, int fd, int64_t now_ms);
void updraft_peers_remove(struct updraft_peers *peers, struct updraft_peer *peer);
void updraft_peers_enter(struct updraft_peers *peers, struct updraft_peer *peer,
                         enum updraft_peer_phase phase, uint64_t len, int64_t now_ms);
/* Shuts down who is late, and who has hung up in the middle of a request: when the end comes together
 * with the last bytes, the library's edge-triggered loop does not see it. */
void updraft_peers_sweep(struct updraft_peers *peers, int64_t now_ms);

/* Milliseconds that a phase may take. Pure. */
int64_t updraft_peers_patience_ms(enum updraft_peer_phase phase, uint64_t len);

#endif
