#include "server/writer.h"

#include "server/clock.h"
#include "server/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_JOBS      1000u
#define WRITE_BEHIND_MS 1000
/* Each of them is a page of the database, and where a million devices ask every few minutes there would be
 * no end of pages. */
#define BATCH_TOUCHES 1000u

/* A batch under way: jobs whose plans are in writer->changes, in order. */
struct batch {
    struct updraft_job *jobs[BATCH_JOBS];
    uint64_t keys[BATCH_JOBS];
    size_t count;
    int64_t next_attempt_id;
    struct updraft_job *deferred;
    struct updraft_job **deferred_last;
    struct updraft_job *answered; /* final without a commit */
};

static const struct updraft_refusal disk_full = {
    507, "disk_full", "Make room on the server's disk, then send it again; nothing was kept."};
static const struct updraft_refusal write_failed = {
    500, "write_failed", "Look at the server's disk and its messages; nothing was kept."};
static const struct updraft_refusal database_away = {
    503, "database_away", "Send it again in a moment; nothing was kept."};
static const struct updraft_refusal database_lost = {
    503, "database_lost", "Look in a moment whether it was kept; send it again if it was not."};
static const struct updraft_refusal must_restart = {
    503, "must_restart", "The server ends now and says why; send it again once it is back."};

static struct updraft_view view_now(const struct updraft_writer *writer)
{
    return (struct updraft_view){writer->fleet, writer->base_url, updraft_clock_wall_ms()};
}

static void add_change(struct updraft_writer *writer, const struct updraft_change *change)
{
    UPDRAFT_MEMORY_RESERVE(writer->changes, writer->change_count, writer->change_cap);
    writer->changes[writer->change_count++] = *change;
}

static void push(struct updraft_job **list, struct updraft_job *job)
{
    job->next = *list;
    *list = job;
}

static bool key_taken(const struct batch *batch, uint64_t key)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->keys[i] == key)
            return true;
    }
    return false;
}

/* The file first, then the row that names it: a crash between leaves a file too many, never a row
 * without its file. */
static bool keep_upload(struct updraft_writer *writer, struct updraft_job *job)
{
    enum updraft_artifact_result result =
        updraft_upload_keep(writer->artifacts, job->upload, &job->created_artifact);

    if (result == UPDRAFT_ARTIFACT_OK)
        return true;
    updraft_response_refuse(&job->response,
                            result == UPDRAFT_ARTIFACT_FULL ? &disk_full : &write_failed,
                            result == UPDRAFT_ARTIFACT_FULL ? "the server's disk is full"
                                                            : "the server cannot write the image");
    return false;
}

static void prove(struct updraft_writer *writer, struct updraft_job *job)
{
    uint64_t len;
    int fd;

    job->proof =
        updraft_artifacts_read(writer->artifacts, job->response.file_sha256, true, &fd, &len);
    if (job->proof == UPDRAFT_ARTIFACT_OK)
        close(fd);
}

static void note_sight(struct updraft_writer *writer, const struct updraft_job *job)
{
    if (!job->plan.sighted)
        return;
    pthread_mutex_lock(&writer->fleet->lock);
    updraft_fleet_touch(writer->fleet, &job->plan.sight);
    pthread_mutex_unlock(&writer->fleet->lock);
}

static void plan_job(struct updraft_writer *writer, struct batch *batch, struct updraft_job *job)
{
    const struct updraft_view view = view_now(writer);

    if (job->handler == NULL) {
        prove(writer, job);
        push(&batch->answered, job);
        return;
    }
    updraft_response_init(&job->response);
    updraft_plan_init(&job->plan, batch->next_attempt_id);
    pthread_mutex_lock(&writer->fleet->lock);
    job->handler(&view, job->request, &job->plan, &job->response);
    if (job->audits)
        updraft_plan_audit(&job->plan, &view, job->request, job->response.status);
    pthread_mutex_unlock(&writer->fleet->lock);
    if (job->plan.count > 0 && key_taken(batch, job->plan.key)) {
        updraft_plan_deinit(&job->plan);
        updraft_response_deinit(&job->response);
        job->next = NULL;
        *batch->deferred_last = job;
        batch->deferred_last = &job->next;
        return;
    }
    if (job->plan.count == 0 || (job->plan.keeps_upload && !keep_upload(writer, job))) {
        note_sight(writer, job);
        push(&batch->answered, job);
        return;
    }
    batch->next_attempt_id = job->plan.next_attempt_id;
    batch->keys[batch->count] = job->plan.key;
    batch->jobs[batch->count++] = job;
    pthread_mutex_lock(&writer->fleet->lock);
    for (size_t i = 0; i < job->plan.count; i++) {
        add_change(writer, &job->plan.changes[i]);
        if (job->plan.changes[i].kind == UPDRAFT_CHANGE_ATTEMPT)
            updraft_rollout_pledge(writer->fleet, &job->plan.changes[i].row.attempt);
    }
    pthread_mutex_unlock(&writer->fleet->lock);
}

/* What the rollouts have come to. */
static void add_steering(struct updraft_writer *writer, const struct batch *batch)
{
    struct updraft_change changes[UPDRAFT_STEER_CHANGES_MOST];
    size_t count = 0;

    if (key_taken(batch, UPDRAFT_PLAN_KEY_CATALOGUE))
        return;
    memset(changes, 0, sizeof changes);
    pthread_mutex_lock(&writer->fleet->lock);
    count =
        updraft_steering_plan(&writer->steering, writer->fleet, updraft_clock_wall_ms(), changes);
    pthread_mutex_unlock(&writer->fleet->lock);
    for (size_t i = 0; i < count; i++)
        add_change(writer, &changes[i]);
}

static bool has_jobs(struct updraft_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool has = writer->first != NULL || writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    return has;
}

/* Counts for the rollouts as long as nobody waits. True when there is more to do at once. */
static bool steer(struct updraft_writer *writer)
{
    bool more;

    do {
        pthread_mutex_lock(&writer->fleet->lock);
        more = updraft_steering_step(&writer->steering, writer->fleet, updraft_clock_wall_ms(),
                                     updraft_clock_steady_ms());
        pthread_mutex_unlock(&writer->fleet->lock);
    } while (more && !writer->steering.over && !has_jobs(writer));
    return more;
}

/* Devices that were only seen. True when some may be left for the next batch. */
static bool add_touches(struct updraft_writer *writer)
{
    struct updraft_change change;
    size_t count = 0;

    pthread_mutex_lock(&writer->fleet->lock);
    while (count < BATCH_TOUCHES && updraft_fleet_take_touched(writer->fleet, &change)) {
        add_change(writer, &change);
        count++;
    }
    pthread_mutex_unlock(&writer->fleet->lock);
    return count == BATCH_TOUCHES;
}

/* Once an hour what runs is written down. */
static void add_history(struct updraft_writer *writer)
{
    struct updraft_change *changes = NULL;
    int64_t now_ms = updraft_clock_wall_ms();
    size_t count = 0;

    pthread_mutex_lock(&writer->fleet->lock);
    if (updraft_history_due(writer->fleet, now_ms))
        count = updraft_history_plan(writer->fleet, now_ms, &changes);
    pthread_mutex_unlock(&writer->fleet->lock);
    for (size_t i = 0; i < count; i++)
        add_change(writer, &changes[i]);
    free(changes);
}

/* A file that no release has any more. Where other servers publish, too, one of them may be about to name it
 * again: there it is left to the sweep of the next start. */
static void drop_withdrawn(struct updraft_writer *writer)
{
    for (size_t i = 0; i < writer->change_count && writer->store->catch_up == NULL; i++) {
        const struct updraft_image_row *image = &writer->changes[i].row.image;
        const struct updraft_release *release;
        if (writer->changes[i].kind != UPDRAFT_CHANGE_IMAGE || image->withdrawn_ms == 0)
            continue;
        pthread_mutex_lock(&writer->fleet->lock);
        bool kept = updraft_fleet_find_image(writer->fleet, image->sha256, &release) != NULL;
        pthread_mutex_unlock(&writer->fleet->lock);
        if (!kept)
            updraft_artifacts_remove(writer->artifacts, image->sha256);
    }
}

static void apply(struct updraft_writer *writer, struct batch *batch)
{
    const struct updraft_view view = view_now(writer);

    pthread_mutex_lock(&writer->fleet->lock);
    for (size_t i = 0; i < writer->change_count; i++)
        updraft_fleet_apply(writer->fleet, &writer->changes[i]);
    updraft_rollout_forget_pledges(writer->fleet);
    for (size_t i = 0; i < batch->count; i++) {
        struct updraft_job *job = batch->jobs[i];
        if (job->response.after_commit != NULL)
            job->response.after_commit(&view, job->request, &job->response);
        if (job->plan.sighted)
            updraft_fleet_touch(writer->fleet, &job->plan.sight);
    }
    pthread_mutex_unlock(&writer->fleet->lock);
}

/* The file that came with a failed commit, unless it mended one that a release has. */
static void drop_artifact(struct updraft_writer *writer, const struct updraft_job *job)
{
    const struct updraft_release *release;

    pthread_mutex_lock(&writer->fleet->lock);
    bool known = updraft_fleet_find_image(writer->fleet, job->upload->sha256, &release) != NULL;
    pthread_mutex_unlock(&writer->fleet->lock);
    if (!known)
        updraft_artifacts_remove(writer->artifacts, job->upload->sha256);
}

static void refuse(struct updraft_response *response, enum updraft_store_result result)
{
    switch (result) {
    case UPDRAFT_STORE_FULL:
        updraft_response_refuse(response, &disk_full, "the server's disk is full");
        break;
    case UPDRAFT_STORE_AWAY:
        updraft_response_refuse(response, &database_away, "the server's database does not answer");
        break;
    case UPDRAFT_STORE_UNKNOWN:
        updraft_response_refuse(response, &database_lost,
                                "the server's database went away while this was being kept");
        break;
    case UPDRAFT_STORE_NEWER:
    case UPDRAFT_STORE_STALE:
        updraft_response_refuse(response, &must_restart, "the server must be started again");
        break;
    case UPDRAFT_STORE_IO:
    case UPDRAFT_STORE_CORRUPT:
    case UPDRAFT_STORE_OK:
        updraft_response_refuse(response, &write_failed, "the server cannot write");
        break;
    }
    if (response->status == 503)
        updraft_response_header_constant(response, "Retry-After", "5");
}

/* Each failure is told; that the database is away, once until it is back. */
static void complain(struct updraft_writer *writer, bool of_jobs, enum updraft_store_result result,
                     const char *why)
{
    bool away = result == UPDRAFT_STORE_AWAY || result == UPDRAFT_STORE_UNKNOWN;

    if (!writer->complained || (of_jobs && !away))
        updraft_log_event(writer->log, UPDRAFT_LOG_ERROR, away ? "database_away" : "write_failed",
                          "%s", why);
    writer->complained = true;
    writer->away = writer->away || away;
    if (result == UPDRAFT_STORE_NEWER || result == UPDRAFT_STORE_STALE)
        atomic_store(&writer->hopeless, true);
}

static void give_up(struct updraft_writer *writer, struct batch *batch,
                    enum updraft_store_result result, const char *why)
{
    complain(writer, batch->count > 0, result, why);
    for (size_t i = 0; i < batch->count; i++) {
        struct updraft_job *job = batch->jobs[i];
        /* Where others may have a row for it, it stays: the next start sweeps. */
        if (job->created_artifact && writer->store->catch_up == NULL)
            drop_artifact(writer, job);
        refuse(&job->response, result);
    }
    pthread_mutex_lock(&writer->fleet->lock);
    for (size_t i = 0; i < writer->change_count; i++) {
        if (writer->changes[i].kind == UPDRAFT_CHANGE_TOUCH)
            updraft_fleet_untake_touched(writer->fleet, writer->changes[i].row.touch.device);
    }
    pthread_mutex_unlock(&writer->fleet->lock);
}

static void finish(struct updraft_job *job)
{
    updraft_plan_deinit(&job->plan);
    job->done(job);
}

static struct updraft_job *take_jobs(struct updraft_writer *writer, bool may_wait, bool *stopping)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WRITE_BEHIND_MS / 1000;
    pthread_mutex_lock(&writer->lock);
    while (may_wait && writer->first == NULL && !writer->stopping && !writer->overtaken) {
        if (pthread_cond_timedwait(&writer->wake, &writer->lock, &until) != 0)
            break;
    }
    writer->overtaken = false;
    struct updraft_job *taken = writer->first;
    struct updraft_job **end = &writer->first;
    for (size_t i = 0; i < BATCH_JOBS && *end != NULL; i++)
        end = &(*end)->next;
    writer->first = *end;
    if (writer->first == NULL)
        writer->last = &writer->first;
    *end = NULL;
    *stopping = writer->stopping && taken == NULL;
    if (*stopping)
        writer->stopped = true;
    pthread_mutex_unlock(&writer->lock);
    return taken;
}

static void put_back(struct updraft_writer *writer, struct batch *batch)
{
    if (batch->deferred == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    *batch->deferred_last = writer->first;
    if (writer->first == NULL)
        writer->last = batch->deferred_last;
    writer->first = batch->deferred;
    pthread_mutex_unlock(&writer->lock);
}

static void apply_theirs(void *ctx, const struct updraft_change *row)
{
    struct updraft_writer *writer = ctx;

    pthread_mutex_lock(&writer->fleet->lock);
    writer->fleet->foreign = true;
    updraft_fleet_apply(writer->fleet, row);
    writer->fleet->foreign = false;
    pthread_mutex_unlock(&writer->fleet->lock);
}

/* Whoever else writes has to wait now, and all they wrote is in the fleet. */
static enum updraft_store_result begin(struct updraft_writer *writer,
                                       struct updraft_store_problem *problem)
{
    if (writer->store->catch_up == NULL)
        return UPDRAFT_STORE_OK;
    enum updraft_store_result result =
        writer->store->catch_up(writer->store->ctx, apply_theirs, writer, problem);
    if (result == UPDRAFT_STORE_OK && writer->away) {
        updraft_log_event(writer->log, UPDRAFT_LOG_INFO, "database_back",
                          "the database answers again");
        writer->away = writer->complained = false;
    }
    return result;
}

/* What the jobs asked for, and what is behind, as changes. True when some of that is left. */
static bool plan_batch(struct updraft_writer *writer, struct batch *batch, struct updraft_job *jobs,
                       bool flush, bool begun)
{
    memset(batch, 0, sizeof *batch);
    batch->deferred_last = &batch->deferred;
    writer->change_count = 0;
    pthread_mutex_lock(&writer->fleet->lock);
    batch->next_attempt_id = updraft_fleet_next_attempt_id(writer->fleet);
    updraft_rollout_forget_pledges(writer->fleet);
    pthread_mutex_unlock(&writer->fleet->lock);
    while (jobs != NULL) {
        struct updraft_job *job = jobs;
        jobs = jobs->next;
        plan_job(writer, batch, job);
    }
    put_back(writer, batch);
    if (begun)
        add_steering(writer, batch);
    if (!flush || !begun)
        return false;
    add_history(writer);
    return add_touches(writer);
}

/* True when there is more to write at once. */
static bool write_batch(struct updraft_writer *writer, struct batch *batch,
                        struct updraft_job *jobs, bool flush)
{
    struct updraft_store_problem problem;
    enum updraft_store_result result = begin(writer, &problem);
    bool begun = result == UPDRAFT_STORE_OK;
    /* Without the database, questions are answered from memory; only what changes something fails. */
    bool more = plan_batch(writer, batch, jobs, flush, begun);

    if (begun && (writer->change_count > 0 || writer->store->catch_up != NULL))
        result = writer->store->commit(writer->store->ctx, writer->changes, writer->change_count,
                                       &problem);
    if (result == UPDRAFT_STORE_OK) {
        apply(writer, batch);
        drop_withdrawn(writer);
        writer->complained = writer->complained && writer->change_count == 0;
    } else {
        give_up(writer, batch, result, problem.text);
        more = false;
    }
    for (size_t i = 0; i < batch->count; i++)
        finish(batch->jobs[i]);
    while (batch->answered != NULL) {
        struct updraft_job *job = batch->answered;
        batch->answered = job->next;
        finish(job);
    }
    return more;
}

static void *run(void *ctx)
{
    struct updraft_writer *writer = ctx;
    struct batch *batch = updraft_memory_new(sizeof *batch);
    bool stopping = false;

    while (!stopping) {
        struct updraft_job *jobs = take_jobs(writer, !steer(writer), &stopping);
        int64_t now_ms = updraft_clock_steady_ms();
        bool flush = stopping || now_ms - writer->flushed_ms >= WRITE_BEHIND_MS;
        bool more = write_batch(writer, batch, jobs, flush);
        while (stopping && more)
            more = write_batch(writer, batch, NULL, true);
        if (flush)
            writer->flushed_ms = now_ms;
    }
    free(batch);
    return NULL;
}

/* Others have committed: they are caught up with at once, though there may be nothing to write. */
static void note_overtaken(void *ctx)
{
    struct updraft_writer *writer = ctx;

    pthread_mutex_lock(&writer->lock);
    writer->overtaken = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

bool updraft_writer_start(struct updraft_writer *writer)
{
    pthread_condattr_t attributes;

    writer->first = NULL;
    writer->last = &writer->first;
    writer->stopping = writer->stopped = writer->complained = false;
    writer->away = writer->overtaken = false;
    atomic_init(&writer->hopeless, false);
    writer->changes = NULL;
    writer->change_count = writer->change_cap = 0;
    writer->flushed_ms = updraft_clock_steady_ms();
    updraft_steering_init(&writer->steering);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&writer->thread, NULL, run, writer) != 0)
        return false;
    if (writer->store->watch != NULL)
        writer->store->watch(writer->store->ctx, note_overtaken, writer);
    return true;
}

bool updraft_writer_submit(struct updraft_writer *writer, struct updraft_job *job)
{
    pthread_mutex_lock(&writer->lock);
    bool taken = !writer->stopped;
    if (taken) {
        job->next = NULL;
        *writer->last = job;
        writer->last = &job->next;
        pthread_cond_signal(&writer->wake);
    }
    pthread_mutex_unlock(&writer->lock);
    return taken;
}

void updraft_writer_stop(struct updraft_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    if (writer->store->watch != NULL)
        writer->store->watch(writer->store->ctx, NULL, NULL);
}

void updraft_writer_deinit(struct updraft_writer *writer)
{
    free(writer->changes);
    updraft_steering_deinit(&writer->steering);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
}
