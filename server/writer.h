/* The one thread that writes to the store. Requests that change something wait here for the commit of
 * their batch; what may be late (last seen, progress) is written behind once a second, up to a thousand
 * devices, and all of it at the end.
 *
 * A batch is planned against the fleet as committed, written in one transaction, and only then
 * applied to the fleet: what a failed commit contained is nowhere to be seen. Plans with the same key
 * never meet in one batch, so none is made on facts that another is about to change. Where several servers
 * share a store, a batch begins with what the others committed, and they wait until it ends.
 *
 * The same thread takes the rollouts through their stages (rollouts/steer.h): what is due is committed with
 * the batch, unless a request of the batch changes the catalogue too.
 *
 * Owns: the thread and the queue. Does not own: fleet, store, artifacts, log, jobs. */
#ifndef UPDRAFT_SERVER_WRITER_H
#define UPDRAFT_SERVER_WRITER_H

#include "server/log.h"
#include "server/rollouts/steer.h"
#include "server/store/store.h"

#include <stdatomic.h>

struct updraft_job {
    struct updraft_job *next;
    updraft_handler handler; /* NULL: prove that the artifact of the response is whole */
    const struct updraft_request *request;
    struct updraft_upload *upload; /* what the plan may keep, or NULL */
    struct updraft_response response;
    struct updraft_plan plan;
    enum updraft_artifact_result proof; /* answer of a job without handler */
    bool created_artifact;
    bool audits; /* the request and its result go into the audit log, in the same commit */
    /* Called once, on the writer's thread, when the response is final. The job is the caller's again. */
    void (*done)(struct updraft_job *job);
    void *done_ctx;
};

struct updraft_writer {
    struct updraft_fleet *fleet;
    struct updraft_store *store;
    struct updraft_artifacts *artifacts;
    const struct updraft_log *log;
    const char *base_url;
    pthread_t thread;
    pthread_mutex_t lock; /* of the members below */
    pthread_cond_t wake;
    struct updraft_job *first;
    struct updraft_job **last;
    bool stopping;
    bool stopped;
    bool overtaken; /* others have committed */
    /* The thread's own: */
    struct updraft_change *changes;
    size_t change_count;
    size_t change_cap;
    int64_t flushed_ms;
    struct updraft_steering steering;
    bool complained; /* of a failed write-behind, once until one succeeds */
    bool away;       /* the database did not answer last */
    /* Nothing can be written any more until the process is started again; the log says why. */
    atomic_bool hopeless;
};

/* fleet, store, artifacts, log and base_url must be set. */
bool updraft_writer_start(struct updraft_writer *writer);

/* False when the writer has stopped: done is not called then. */
bool updraft_writer_submit(struct updraft_writer *writer, struct updraft_job *job);

/* Finishes every job, writes what is behind, and ends the thread. Later jobs are not taken. */
void updraft_writer_stop(struct updraft_writer *writer);
/* After stop, when nobody submits any more. */
void updraft_writer_deinit(struct updraft_writer *writer);

#endif
