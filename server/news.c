#include "server/news.h"

#include "server/clock.h"

#include <stdio.h>
#include <string.h>

void updraft_news_init(struct updraft_news *news, int64_t wall_now_ms)
{
    pthread_condattr_t attributes;

    memset(news, 0, sizeof *news);
    pthread_mutex_init(&news->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&news->more, &attributes);
    pthread_condattr_destroy(&attributes);
    /* A number of an earlier run is older than all of this one. */
    news->first = news->next = (uint64_t)wall_now_ms * 1000;
}

void updraft_news_deinit(struct updraft_news *news)
{
    pthread_cond_destroy(&news->more);
    pthread_mutex_destroy(&news->lock);
}

static void describe_image(const struct updraft_fleet *fleet, const struct updraft_image_row *row,
                           struct updraft_news_item *item)
{
    const struct updraft_release *release = updraft_fleet_release_by_id(fleet, row->release_id);

    item->kind = "release";
    item->id = row->release_id;
    item->is_turn =
        release == NULL || updraft_release_find_image(release, row->chip, row->board) == NULL;
}

static void describe_webhook(const struct updraft_fleet *fleet,
                             const struct updraft_webhook_row *row, struct updraft_news_item *item)
{
    const struct updraft_webhook *before = updraft_fleet_webhook_by_id(fleet, row->id);

    item->kind = "webhook";
    item->id = row->id;
    item->is_turn = before != NULL && before->row.tested_ms != row->tested_ms;
}

static void describe_channel(const struct updraft_fleet *fleet,
                             const struct updraft_channel_row *row, struct updraft_news_item *item)
{
    const struct updraft_channel *before =
        updraft_fleet_find_channel(fleet, row->product_id, row->name);

    item->kind = "channel";
    item->is_turn = before == NULL || before->row.release_id != row->release_id;
    snprintf(item->text, sizeof item->text, "%s/%s",
             updraft_fleet_product_by_id(fleet, row->product_id)->row.name, row->name);
}

static void describe_attempt(const struct updraft_fleet *fleet,
                             const struct updraft_attempt_row *row, struct updraft_news_item *item)
{
    const struct updraft_attempt *before = updraft_fleet_find_attempt(fleet, row->id);

    item->kind = "attempt";
    item->id = row->id;
    item->state = updraft_attempt_state_name(row->state);
    item->is_turn = before == NULL || before->state != row->state;
    updraft_name_set(item->text, sizeof item->text, row->device);
}

static void describe_rollout(const struct updraft_fleet *fleet,
                             const struct updraft_rollout_row *row, struct updraft_news_item *item)
{
    const struct updraft_rollout *before = updraft_fleet_find_rollout(fleet, row->id);

    item->kind = "rollout";
    item->id = row->id;
    item->state = updraft_rollout_state_name(row->state);
    item->is_turn = before == NULL || before->row.state != row->state;
}

/* False: no news. */
static bool describe(const struct updraft_fleet *fleet, const struct updraft_change *change,
                     struct updraft_news_item *item)
{
    switch (change->kind) {
    case UPDRAFT_CHANGE_PRODUCT:
        item->kind = "product";
        item->id = change->row.product.id;
        return true;
    case UPDRAFT_CHANGE_RELEASE:
        item->kind = "release";
        item->id = change->row.release.id;
        return true;
    case UPDRAFT_CHANGE_IMAGE:
        describe_image(fleet, &change->row.image, item);
        return true;
    case UPDRAFT_CHANGE_WEBHOOK:
        describe_webhook(fleet, &change->row.webhook, item);
        return true;
    case UPDRAFT_CHANGE_WEBHOOK_END:
        item->kind = "webhook";
        item->id = change->row.webhook.id;
        return true;
    case UPDRAFT_CHANGE_CHANNEL:
        describe_channel(fleet, &change->row.channel, item);
        return true;
    case UPDRAFT_CHANGE_ROLLOUT:
        describe_rollout(fleet, &change->row.rollout, item);
        return true;
    case UPDRAFT_CHANGE_BOARD:
        item->kind = "product";
        item->id = change->row.board.product_id;
        return true;
    case UPDRAFT_CHANGE_LABELS:
        item->kind = "device";
        updraft_name_set(item->text, sizeof item->text, change->row.labels.device);
        return true;
    case UPDRAFT_CHANGE_DEVICE:
        item->kind = "device";
        updraft_name_set(item->text, sizeof item->text, change->row.device.id);
        return true;
    case UPDRAFT_CHANGE_ATTEMPT:
        describe_attempt(fleet, &change->row.attempt, item);
        return true;
    case UPDRAFT_CHANGE_TOUCH:
        if (change->row.touch.progress == UPDRAFT_NO_PROGRESS)
            return false;
        item->kind = "attempt";
        item->id = change->row.touch.attempt_id;
        item->state = updraft_attempt_state_name(UPDRAFT_ATTEMPT_DOWNLOADING);
        updraft_name_set(item->text, sizeof item->text, change->row.touch.device);
        return true;
    case UPDRAFT_CHANGE_TOKEN:
    case UPDRAFT_CHANGE_TOKEN_END:
    case UPDRAFT_CHANGE_LOG:         /* comes with its attempt */
    case UPDRAFT_CHANGE_ATTEMPT_END: /* only makes room */
    case UPDRAFT_CHANGE_AUDIT:
    case UPDRAFT_CHANGE_HISTORY:
    case UPDRAFT_CHANGE_HISTORY_END:
        return false;
    }
    return false;
}

void updraft_news_note(void *ctx, const struct updraft_fleet *fleet,
                       const struct updraft_change *change)
{
    struct updraft_news_item item = {.generation = fleet->generation, .is_foreign = fleet->foreign};
    struct updraft_news *news = ctx;

    if (!describe(fleet, change, &item))
        return;
    pthread_mutex_lock(&news->lock);
    item.number = news->next++;
    news->items[item.number % UPDRAFT_NEWS_KEPT] = item;
    if (news->next - news->first > UPDRAFT_NEWS_KEPT)
        news->first = news->next - UPDRAFT_NEWS_KEPT;
    pthread_cond_broadcast(&news->more);
    void (*wake)(void *ctx) = news->wake;
    void *wake_ctx = news->wake_ctx;
    pthread_mutex_unlock(&news->lock);
    if (wake != NULL)
        wake(wake_ctx);
}

uint64_t updraft_news_next(struct updraft_news *news)
{
    pthread_mutex_lock(&news->lock);
    uint64_t next = news->next;
    pthread_mutex_unlock(&news->lock);
    return next;
}

enum updraft_news_result updraft_news_read(struct updraft_news *news, uint64_t *number,
                                           struct updraft_news_item *item)
{
    enum updraft_news_result result = UPDRAFT_NEWS_NONE;

    pthread_mutex_lock(&news->lock);
    if (*number < news->first || *number > news->next) {
        *number = news->next;
        result = UPDRAFT_NEWS_LOST;
    } else if (*number < news->next) {
        *item = news->items[(*number)++ % UPDRAFT_NEWS_KEPT];
        result = UPDRAFT_NEWS_ITEM;
    }
    pthread_mutex_unlock(&news->lock);
    return result;
}

bool updraft_news_wait(struct updraft_news *news, uint64_t number, int64_t timeout_ms)
{
    int64_t until_ms = updraft_clock_steady_ms() + timeout_ms;
    const struct timespec until = {.tv_sec = until_ms / 1000,
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000L};
    bool in_time = true;

    pthread_mutex_lock(&news->lock);
    while (!news->closed && news->next == number && in_time)
        in_time = pthread_cond_timedwait(&news->more, &news->lock, &until) == 0;
    bool open = !news->closed;
    pthread_mutex_unlock(&news->lock);
    return open;
}

void updraft_news_close(struct updraft_news *news)
{
    pthread_mutex_lock(&news->lock);
    news->closed = true;
    pthread_cond_broadcast(&news->more);
    pthread_mutex_unlock(&news->lock);
}

void updraft_news_put(struct updraft_json *json, const char *key,
                      const struct updraft_news_item *item)
{
    updraft_json_open(json, key, '{');
    updraft_json_number(json, "generation", (int64_t)item->generation);
    updraft_json_text(json, "kind", item->kind);
    if (item->id == 0)
        updraft_json_text(json, "id", item->text);
    else
        updraft_json_number(json, "id", item->id);
    if (item->id != 0 && item->text[0] != '\0')
        updraft_json_text(json, "device", item->text);
    if (item->state != NULL)
        updraft_json_text(json, "state", item->state);
    updraft_json_close(json, '}');
}
