#include "server/http/peers.h"

#include "server/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The slowest links that are served: 8 kB/s up, and 2 kB/s down for a device on a bad radio. */
#define IDLE_MS      75000
#define SETTLING_MS  1000
#define HEADERS_MS   15000
#define BODY_MS      30000
#define BODY_RATE    8 /* bytes a millisecond */
#define TAKES_MS     60000
#define TAKES_RATE   2
#define RATE_LEN_CAP ((uint64_t)1 << 40)

void updraft_peers_init(struct updraft_peers *peers, unsigned crowd)
{
    memset(peers, 0, sizeof *peers);
    pthread_mutex_init(&peers->lock, NULL);
    peers->crowd = crowd;
}

void updraft_peers_deinit(struct updraft_peers *peers)
{
    pthread_mutex_destroy(&peers->lock);
}

static void leave_queue(struct updraft_peers *peers, struct updraft_peer *peer)
{
    if (!peer->queued)
        return;
    peer->queued = false;
    *(peer->queue_previous != NULL ? &peer->queue_previous->queue_next : &peers->queue_first) =
        peer->queue_next;
    *(peer->queue_next != NULL ? &peer->queue_next->queue_previous : &peers->queue_last) =
        peer->queue_previous;
}

static void join_queue(struct updraft_peers *peers, struct updraft_peer *peer, int64_t now_ms)
{
    peer->queued = true;
    peer->queued_ms = now_ms;
    peer->queue_next = NULL;
    peer->queue_previous = peers->queue_last;
    *(peers->queue_last != NULL ? &peers->queue_last->queue_next : &peers->queue_first) = peer;
    peers->queue_last = peer;
}

/* The library closes it a moment later and only then gives its place free; until then it is not to
 * be chosen once more. Who has only just come may not have had the time to ask. */
static void make_room(struct updraft_peers *peers, int64_t now_ms)
{
    struct updraft_peer *idle = peers->queue_first;

    if (idle == NULL || now_ms - idle->queued_ms < SETTLING_MS)
        return;
    leave_queue(peers, idle);
    shutdown(idle->fd, SHUT_RDWR);
}

struct updraft_peer *updraft_peers_add(struct updraft_peers *peers, int fd, int64_t now_ms)
{
    struct updraft_peer *peer = updraft_memory_new(sizeof *peer);

    peer->fd = fd;
    peer->deadline_ms = now_ms + updraft_peers_patience_ms(UPDRAFT_PEER_IDLE, 0);
    pthread_mutex_lock(&peers->lock);
    if (++peers->count > peers->crowd)
        make_room(peers, now_ms);
    peer->next = peers->first;
    if (peer->next != NULL)
        peer->next->previous = peer;
    peers->first = peer;
    join_queue(peers, peer, now_ms);
    pthread_mutex_unlock(&peers->lock);
    return peer;
}

void updraft_peers_remove(struct updraft_peers *peers, struct updraft_peer *peer)
{
    pthread_mutex_lock(&peers->lock);
    peers->count--;
    leave_queue(peers, peer);
    if (peer->previous != NULL)
        peer->previous->next = peer->next;
    else
        peers->first = peer->next;
    if (peer->next != NULL)
        peer->next->previous = peer->previous;
    pthread_mutex_unlock(&peers->lock);
    free(peer);
}

int64_t updraft_peers_patience_ms(enum updraft_peer_phase phase, uint64_t len)
{
    int64_t counted = (int64_t)(len < RATE_LEN_CAP ? len : RATE_LEN_CAP);

    switch (phase) {
    case UPDRAFT_PEER_IDLE:
        return IDLE_MS;
    case UPDRAFT_PEER_HEADERS:
        return HEADERS_MS;
    case UPDRAFT_PEER_BODY:
        return BODY_MS + counted / BODY_RATE;
    case UPDRAFT_PEER_WAITS:
        return INT64_MAX;
    case UPDRAFT_PEER_TAKES:
        return TAKES_MS + counted / TAKES_RATE;
    }
    return IDLE_MS;
}

void updraft_peers_enter(struct updraft_peers *peers, struct updraft_peer *peer,
                         enum updraft_peer_phase phase, uint64_t len, int64_t now_ms)
{
    int64_t patience_ms = updraft_peers_patience_ms(phase, len);

    pthread_mutex_lock(&peers->lock);
    peer->phase = phase;
    peer->ended = false;
    leave_queue(peers, peer);
    if (phase == UPDRAFT_PEER_IDLE || phase == UPDRAFT_PEER_HEADERS)
        join_queue(peers, peer, now_ms);
    peer->deadline_ms = patience_ms == INT64_MAX ? INT64_MAX : now_ms + patience_ms;
    pthread_mutex_unlock(&peers->lock);
}

/* Nothing more can come, though something must. Twice in a row: the last bytes may be on their way
 * through the library at the first look. */
static bool hung_up(struct updraft_peer *peer)
{
    char byte;

    if (peer->phase == UPDRAFT_PEER_WAITS || peer->phase == UPDRAFT_PEER_TAKES)
        return false;
    bool ended_before = peer->ended;
    peer->ended = recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    return peer->ended && ended_before;
}

void updraft_peers_sweep(struct updraft_peers *peers, int64_t now_ms)
{
    pthread_mutex_lock(&peers->lock);
    for (struct updraft_peer *peer = peers->first; peer != NULL; peer = peer->next) {
        if (peer->deadline_ms <= now_ms || hung_up(peer))
            shutdown(peer->fd, SHUT_RDWR);
    }
    /* Those that came too fast for each to find somebody to follow. */
    for (unsigned over = peers->count; over > peers->crowd; over--)
        make_room(peers, now_ms);
    pthread_mutex_unlock(&peers->lock);
}
