#include "format/assert.h"
#include "server/memory.h"
#include "server/store/postgres_link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define AGAIN_MS 1000

struct updraft_postgres_ear {
    char *url;
    char self[40];
    void (*wake)(void *wake_ctx);
    void *wake_ctx;
    pthread_t thread;
    int end_fd;
};

/* True when it is over. fd -1: just the time. */
static bool wait_on(const struct updraft_postgres_ear *ear, int fd, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = ear->end_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    while (poll(fds, 2, timeout_ms) < 0 && errno == EINTR)
        ;
    return fds[0].revents != 0;
}

/* Payload: the server that committed. Those of another schema of the database only cost a look. */
static void take_news(const struct updraft_postgres_ear *ear, PGconn *conn)
{
    bool others = false;
    PGnotify *news;

    while ((news = PQnotifies(conn)) != NULL) {
        others = others || strcmp(news->extra, ear->self) != 0;
        PQfreemem(news);
    }
    if (others)
        ear->wake(ear->wake_ctx);
}

static void *listen_on(void *ctx)
{
    const struct updraft_postgres_ear *ear = ctx;
    struct updraft_store_problem ignored;
    PGconn *conn = NULL;
    bool over = false;

    while (!over) {
        if (conn == NULL) {
            conn = updraft_postgres_connect(ear->url, &ignored);
            if (conn != NULL &&
                updraft_postgres_run(conn, "LISTEN updraft", "", &ignored) != UPDRAFT_STORE_OK) {
                PQfinish(conn);
                conn = NULL;
            }
            ear->wake(ear->wake_ctx); /* there may have been something */
        }
        if (conn == NULL) {
            over = wait_on(ear, -1, AGAIN_MS);
            continue;
        }
        over = wait_on(ear, PQsocket(conn), -1);
        if (PQconsumeInput(conn) == 1) {
            take_news(ear, conn);
        } else {
            PQfinish(conn);
            conn = NULL;
            over = over || wait_on(ear, -1, AGAIN_MS);
        }
    }
    PQfinish(conn);
    return NULL;
}

struct updraft_postgres_ear *updraft_postgres_listen(const char *url, const char *self,
                                                     void (*wake)(void *wake_ctx), void *wake_ctx)
{
    struct updraft_postgres_ear *ear = updraft_memory_new(sizeof *ear);

    ear->url = updraft_memory_copy(url, strlen(url));
    updraft_name_set(ear->self, sizeof ear->self, self);
    ear->wake = wake;
    ear->wake_ctx = wake_ctx;
    ear->end_fd = eventfd(0, EFD_CLOEXEC);
    if (ear->end_fd >= 0 && pthread_create(&ear->thread, NULL, listen_on, ear) == 0)
        return ear;
    /* Without it, the others' commits are seen with the next batch, a second later at most. */
    if (ear->end_fd >= 0)
        close(ear->end_fd);
    free(ear->url);
    free(ear);
    return NULL;
}

void updraft_postgres_unlisten(struct updraft_postgres_ear *ear)
{
    if (ear == NULL)
        return;
    UPDRAFT_ASSERT(write(ear->end_fd, &(uint64_t){1}, sizeof(uint64_t)) == sizeof(uint64_t));
    pthread_join(ear->thread, NULL);
    close(ear->end_fd);
    free(ear->url);
    free(ear);
}
