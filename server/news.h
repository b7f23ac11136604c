/* What happened to the fleet lately: the last few thousand changes, in order. Whoever wants to follow
 * keeps the number of what he read last and comes back for more; who comes too late is told that some
 * are gone, and looks at the fleet as a whole. So a slow reader costs nothing.
 *
 * That a device was merely seen is no news. Tokens and the audit log are none of anybody's.
 *
 * Owns: a ring of fixed size. Any thread may call. Locks: taken after the fleet's, never before. */
#ifndef UPDRAFT_SERVER_NEWS_H
#define UPDRAFT_SERVER_NEWS_H

#include "server/fleet/fleet.h"
#include "server/json.h"

#define UPDRAFT_NEWS_KEPT     4096u
#define UPDRAFT_NEWS_TEXT_CAP (2 * UPDRAFT_NAME_CAP + 2u)

struct updraft_news_item {
    uint64_t number;     /* ascending by one, also from one run of the server to the next */
    uint64_t generation; /* of the fleet that has the change */
    const char *kind;    /* as in routes: "device", "attempt", "release", "channel", "product",
                            * "rollout", "webhook" */
    const char *state;   /* of an attempt or a rollout; NULL: has none */
    bool is_turn;    /* not only written again: the state is another than before, the channel names
                          * another release, the image is new */
    bool is_foreign; /* another server on the same database did it */
    int64_t id;      /* 0: text is the id */
    char text[UPDRAFT_NEWS_TEXT_CAP]; /* of an attempt the device */
};

struct updraft_news {
    pthread_mutex_t lock;
    pthread_cond_t more;
    uint64_t next; /* number of the item that comes next */
    uint64_t first;
    bool closed;
    void (*wake)(void *ctx); /* after each item, on the thread that brought it; NULL: no one. Set
                              * before the first item can come */
    void *wake_ctx;
    struct updraft_news_item items[UPDRAFT_NEWS_KEPT]; /* each at its number modulo the size */
};

enum updraft_news_result {
    UPDRAFT_NEWS_ITEM,
    UPDRAFT_NEWS_NONE, /* nothing new so far */
    UPDRAFT_NEWS_LOST, /* *number was too old or never there; it is moved behind the newest */
};

void updraft_news_init(struct updraft_news *news, int64_t wall_now_ms);
void updraft_news_deinit(struct updraft_news *news);

/* The fleet's watch: the change is about to be applied. ctx: the news. */
void updraft_news_note(void *ctx, const struct updraft_fleet *fleet,
                       const struct updraft_change *change);

/* Number of the item that comes next: a reader that starts with it sees all that happens from now on. */
uint64_t updraft_news_next(struct updraft_news *news);
/* Copies the item *number and moves *number behind it. */
enum updraft_news_result updraft_news_read(struct updraft_news *news, uint64_t *number,
                                           struct updraft_news_item *item);
/* For readers with a thread of their own: until the item is there, timeout_ms have passed, or it is
 * closed. False when it is closed. */
bool updraft_news_wait(struct updraft_news *news, uint64_t number, int64_t timeout_ms);
/* Nobody waits from here on. */
void updraft_news_close(struct updraft_news *news);

/* {"generation":..,"kind":..,"id":..} and where there are such "device" and "state". */
void updraft_news_put(struct updraft_json *json, const char *key,
                      const struct updraft_news_item *item);

#endif
