#include "server/hooks/hooks.h"

#include "server/clock.h"
#include "server/hooks/message.h"
#include "server/memory.h"
#include "updraft_version.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS 5000L
#define ANSWER_MS  10000L
#define NAP_MS     100
#define LOOK_MS    1000

struct updraft_hook_worker {
    struct updraft_hooks *hooks;
    struct updraft_hook_worker *next;
    int64_t id; /* of the webhook */
    pthread_t thread;
    uint64_t number; /* of the next news */
    atomic_bool ends;
    CURL *curl;
};

/* One delivery, through all its tries. */
struct delivery {
    char url[UPDRAFT_URL_CAP];
    char secret[UPDRAFT_SECRET_CAP];
    const char *event;
    uint64_t number;
    char *body;
    char problem[CURL_ERROR_SIZE];
};

static bool over(const struct updraft_hook_worker *worker)
{
    return atomic_load(&worker->ends) || atomic_load(&worker->hooks->stopping);
}

/* --- one try --- */

/* Its answer is nobody's business but for the status. */
static size_t drop(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    (void)ctx;
    return size * count;
}

static int keep_on(void *ctx, curl_off_t down_most, curl_off_t down, curl_off_t up_most,
                   curl_off_t up)
{
    (void)down_most;
    (void)down;
    (void)up_most;
    (void)up;
    return over(ctx);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char line[256];

    snprintf(line, sizeof line, "%s: %s", name, value);
    return curl_slist_append(list, line);
}

static struct curl_slist *make_headers(const struct delivery *delivery)
{
    char number[24], timestamp[24], signature[UPDRAFT_HOOK_SIGNATURE_CAP];
    int64_t now_s = updraft_clock_wall_ms() / 1000;
    struct curl_slist *list = NULL;

    snprintf(number, sizeof number, "%" PRIu64, delivery->number);
    snprintf(timestamp, sizeof timestamp, "%" PRId64, now_s);
    updraft_hook_sign(delivery->secret, now_s, delivery->body, signature);
    list = add_header(list, "Content-Type", "application/json");
    list = add_header(list, "User-Agent", "updraft/" UPDRAFT_VERSION);
    list = add_header(list, "X-Updraft-Event", delivery->event);
    list = add_header(list, "X-Updraft-Delivery", number);
    list = add_header(list, "X-Updraft-Timestamp", timestamp);
    return add_header(list, "X-Updraft-Signature", signature);
}

/* Gives the status of the answer, 0 when there was none: then delivery->problem says why. */
static unsigned try_once(struct updraft_hook_worker *worker, struct delivery *delivery)
{
    struct curl_slist *headers = make_headers(delivery);
    CURL *curl = worker->curl;
    long status = 0;

    curl_easy_reset(curl);
    delivery->problem[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, delivery->url);
    /* Where an admin said, and nowhere else: what comes from there leads nowhere. */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(delivery->body));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keep_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, worker);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, delivery->problem);
    CURLcode result = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    if (result != CURLE_OK) {
        if (delivery->problem[0] == '\0')
            snprintf(delivery->problem, sizeof delivery->problem, "%s", curl_easy_strerror(result));
        return 0;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

/* --- one delivery --- */

/* False when the webhook is gone. */
static bool note_try(const struct updraft_hook_worker *worker, const struct delivery *delivery,
                     unsigned status, bool gives_up)
{
    struct updraft_fleet *fleet = worker->hooks->fleet;
    const enum updraft_hook_verdict verdict = updraft_hook_judge(status);
    char problem[sizeof((struct updraft_webhook *)NULL)->status.problem];

    if (status != 0)
        snprintf(problem, sizeof problem, "it answered with status %u%s", status,
                 status >= 300 && status < 400 ? "; redirects are not followed" : "");
    else
        updraft_label_clean(delivery->problem, problem, sizeof problem);
    pthread_mutex_lock(&fleet->lock);
    struct updraft_webhook *webhook = updraft_fleet_webhook_by_id(fleet, worker->id);
    if (webhook != NULL) {
        struct updraft_webhook_status *now = &webhook->status;
        now->delivered += verdict == UPDRAFT_HOOK_TAKEN;
        now->given_up += gives_up;
        now->failing = verdict != UPDRAFT_HOOK_TAKEN;
        now->at_ms = updraft_clock_wall_ms();
        now->status = status;
        updraft_name_set(now->event, sizeof now->event, delivery->event);
        updraft_name_set(now->problem, sizeof now->problem, now->failing ? problem : "");
    }
    pthread_mutex_unlock(&fleet->lock);
    if (gives_up)
        updraft_log_event(worker->hooks->log, UPDRAFT_LOG_WARNING, "webhook_failed",
                          "a webhook could not be told '%s': %s", delivery->event, problem);
    return webhook != NULL;
}

static void nap(const struct updraft_hook_worker *worker, int64_t wait_ms)
{
    const struct timespec piece = {.tv_nsec = NAP_MS * 1000000L};
    int64_t until_ms = updraft_clock_steady_ms() + wait_ms;

    while (!over(worker) && updraft_clock_steady_ms() < until_ms)
        nanosleep(&piece, NULL);
}

/* Takes delivery->event, number and item; the rest is made here. */
static void deliver(struct updraft_hook_worker *worker, struct delivery *delivery,
                    const struct updraft_news_item *item)
{
    struct updraft_fleet *fleet = worker->hooks->fleet;

    pthread_mutex_lock(&fleet->lock);
    const struct updraft_webhook *webhook = updraft_fleet_webhook_by_id(fleet, worker->id);
    if (webhook != NULL) {
        memcpy(delivery->url, webhook->row.url, sizeof delivery->url);
        memcpy(delivery->secret, webhook->row.secret, sizeof delivery->secret);
        delivery->body = updraft_hook_body(fleet, delivery->event, delivery->number, item,
                                           updraft_clock_wall_ms());
    }
    pthread_mutex_unlock(&fleet->lock);
    if (webhook == NULL)
        return;
    for (unsigned tries = 1; !over(worker); tries++) {
        unsigned status = try_once(worker, delivery);
        if (over(worker))
            break;
        int64_t wait_ms =
            updraft_hook_judge(status) == UPDRAFT_HOOK_LATER ? updraft_hook_wait_ms(tries) : -1;
        bool gives_up = wait_ms < 0 && updraft_hook_judge(status) != UPDRAFT_HOOK_TAKEN;
        if (!note_try(worker, delivery, status, gives_up) || wait_ms < 0)
            break;
        nap(worker, wait_ms);
    }
    free(delivery->body);
}

/* --- one webhook --- */

static bool wants(const struct updraft_hook_worker *worker, const char *event)
{
    struct updraft_fleet *fleet = worker->hooks->fleet;

    pthread_mutex_lock(&fleet->lock);
    const struct updraft_webhook *webhook = updraft_fleet_webhook_by_id(fleet, worker->id);
    bool wanted = webhook != NULL && updraft_hook_wants(webhook->row.events, event);
    pthread_mutex_unlock(&fleet->lock);
    return wanted;
}

static void take(struct updraft_hook_worker *worker, const struct updraft_news_item *item)
{
    char event[UPDRAFT_HOOK_EVENT_CAP];
    struct delivery delivery = {.event = event, .number = item->number};

    if (strcmp(item->kind, "webhook") == 0) {
        delivery.event = "test";
        if (item->is_turn && !item->is_foreign && item->id == worker->id)
            deliver(worker, &delivery, NULL);
    } else if (updraft_hook_event(item, event) && wants(worker, event)) {
        deliver(worker, &delivery, item);
    }
}

static void *run_worker(void *ctx)
{
    struct updraft_hook_worker *worker = ctx;
    struct updraft_news *news = worker->hooks->news;
    struct updraft_news_item item;

    while (!over(worker) && updraft_news_wait(news, worker->number, LOOK_MS)) {
        struct delivery lost = {.event = "lost"};
        switch (updraft_news_read(news, &worker->number, &item)) {
        case UPDRAFT_NEWS_ITEM:
            take(worker, &item);
            break;
        case UPDRAFT_NEWS_LOST:
            lost.number = worker->number;
            deliver(worker, &lost, NULL);
            break;
        case UPDRAFT_NEWS_NONE:
            break;
        }
    }
    return NULL;
}

/* --- all of them --- */

static void end_worker(struct updraft_hook_worker *worker)
{
    atomic_store(&worker->ends, true);
    pthread_join(worker->thread, NULL);
    curl_easy_cleanup(worker->curl);
    free(worker);
}

static void start_worker(struct updraft_hooks *hooks, int64_t id, uint64_t number)
{
    struct updraft_hook_worker *worker = updraft_memory_new(sizeof *worker);

    worker->hooks = hooks;
    worker->id = id;
    worker->number = number;
    worker->curl = curl_easy_init();
    if (worker->curl != NULL && pthread_create(&worker->thread, NULL, run_worker, worker) == 0) {
        worker->next = hooks->workers;
        hooks->workers = worker;
        return;
    }
    updraft_log_event(hooks->log, UPDRAFT_LOG_ERROR, "webhook_failed",
                      "there is no thread left for a webhook: raise the limit, then start again");
    curl_easy_cleanup(worker->curl);
    free(worker);
}

static bool has_worker(const struct updraft_hooks *hooks, int64_t id)
{
    for (const struct updraft_hook_worker *at = hooks->workers; at != NULL; at = at->next) {
        if (at->id == id)
            return true;
    }
    return false;
}

/* A worker for each webhook, from the news of this number on, and none for those that are gone. */
static void look_after(struct updraft_hooks *hooks, uint64_t number)
{
    int64_t ids[UPDRAFT_WEBHOOKS_MOST];
    size_t count = 0;

    pthread_mutex_lock(&hooks->fleet->lock);
    for (; count < hooks->fleet->webhook_count && count < UPDRAFT_WEBHOOKS_MOST; count++)
        ids[count] = hooks->fleet->webhooks[count]->row.id;
    pthread_mutex_unlock(&hooks->fleet->lock);
    for (struct updraft_hook_worker **at = &hooks->workers; *at != NULL;) {
        struct updraft_hook_worker *worker = *at;
        bool kept = false;
        for (size_t i = 0; i < count; i++)
            kept |= ids[i] == worker->id;
        if (kept) {
            at = &worker->next;
            continue;
        }
        *at = worker->next;
        end_worker(worker);
    }
    for (size_t i = 0; i < count; i++) {
        if (!has_worker(hooks, ids[i]))
            start_worker(hooks, ids[i], number);
    }
}

static void *run(void *ctx)
{
    struct updraft_hooks *hooks = ctx;
    uint64_t number = updraft_news_next(hooks->news);
    struct updraft_news_item item;

    look_after(hooks, number);
    while (updraft_news_wait(hooks->news, number, LOOK_MS)) {
        enum updraft_news_result result = updraft_news_read(hooks->news, &number, &item);
        if (result == UPDRAFT_NEWS_LOST ||
            (result == UPDRAFT_NEWS_ITEM && strcmp(item.kind, "webhook") == 0))
            look_after(hooks, number);
    }
    while (hooks->workers != NULL) {
        struct updraft_hook_worker *worker = hooks->workers;
        hooks->workers = worker->next;
        end_worker(worker);
    }
    return NULL;
}

bool updraft_hooks_start(struct updraft_hooks *hooks)
{
    atomic_init(&hooks->stopping, false);
    hooks->workers = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        errno = ENOMEM;
        return false;
    }
    errno = pthread_create(&hooks->thread, NULL, run, hooks);
    return errno == 0;
}

void updraft_hooks_stop(struct updraft_hooks *hooks)
{
    atomic_store(&hooks->stopping, true);
    updraft_news_close(hooks->news);
    pthread_join(hooks->thread, NULL);
    curl_global_cleanup();
}
