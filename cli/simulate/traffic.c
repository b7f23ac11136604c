#include "cli/simulate/traffic.h"

#include "format/digest.h"
#include "format/text.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_CAP   4096u
#define CONNECT_MS 10000L
#define ANSWER_MS  60000L

struct transfer {
    CURL *curl;
    struct curl_slist *lines;
    struct transfer *next_free;
    void *tag;
    uint64_t began_us;
    uint64_t body_len;
    bool is_image; /* known with the first byte of the body */
    bool is_looked_at;
    struct updraft_digest md5;
    size_t text_len;
    char text[TEXT_CAP + 1];
    struct updraft_sim_request request;
};

struct updraft_sim_traffic {
    struct updraft_sim_traffic_config config;
    CURLM *multi;
    unsigned under_way;
    struct transfer *free;
    struct transfer transfers[];
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

struct updraft_sim_traffic *
updraft_sim_traffic_open(const struct updraft_sim_traffic_config *config)
{
    struct updraft_sim_traffic *traffic =
        calloc(1, sizeof *traffic + config->parallel * sizeof(struct transfer));

    if (!traffic)
        return NULL;
    traffic->config = *config;
    traffic->multi = curl_multi_init();
    if (!traffic->multi) {
        free(traffic);
        return NULL;
    }
    curl_multi_setopt(traffic->multi, CURLMOPT_MAXCONNECTS, (long)config->parallel);
    for (unsigned i = config->parallel; i-- > 0;) {
        traffic->transfers[i].next_free = traffic->free;
        traffic->free = &traffic->transfers[i];
    }
    return traffic;
}

void updraft_sim_traffic_close(struct updraft_sim_traffic *traffic)
{
    for (unsigned i = 0; i < traffic->config.parallel; i++) {
        struct transfer *transfer = &traffic->transfers[i];
        if (!transfer->curl)
            continue;
        curl_multi_remove_handle(traffic->multi, transfer->curl);
        curl_easy_cleanup(transfer->curl);
        curl_slist_free_all(transfer->lines);
    }
    curl_multi_cleanup(traffic->multi);
    free(traffic);
}

/* --- sending --- */

static const char *header_of(const struct transfer *transfer, const char *name)
{
    struct curl_header *header = NULL;

    if (curl_easy_header(transfer->curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return "";
    return header->value;
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    const size_t len = size * count;
    long status = 0;

    if (!transfer->is_looked_at) {
        transfer->is_looked_at = true;
        curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
        transfer->is_image = transfer->request.may_bring_image && (status == 200 || status == 206);
        updraft_digest_start(&transfer->md5, UPDRAFT_DIGEST_MD5);
    }
    transfer->body_len += len;
    if (transfer->is_image) {
        updraft_digest_update(&transfer->md5, data, len);
        return len;
    }
    /* No text that a device understands is longer. */
    const size_t room = TEXT_CAP - transfer->text_len;
    memcpy(transfer->text + transfer->text_len, data, len < room ? len : room);
    transfer->text_len += len < room ? len : room;
    return len;
}

static struct curl_slist *make_lines(const struct updraft_sim_request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    const char *at = request->headers;

    while (*at) {
        char line[256];
        const size_t len = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, at);
        struct curl_slist *longer = curl_slist_append(list, line);
        list = longer ? longer : list;
        at += len + 1;
    }
    return list;
}

static void dress(struct updraft_sim_traffic *traffic, struct transfer *transfer)
{
    const struct updraft_sim_request *request = &transfer->request;
    CURL *curl = transfer->curl;
    char range[32];

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, request->agent);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->lines);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    if (request->is_http_1_0)
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
    if (!traffic->config.keep_alive)
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    if (request->body_len) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    if (request->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->is_by_digest && traffic->config.sample_len) {
        snprintf(range, sizeof range, "0-%lu", (unsigned long)traffic->config.sample_len - 1);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
    }
}

struct updraft_sim_request *updraft_sim_traffic_room(struct updraft_sim_traffic *traffic)
{
    if (traffic->free && !traffic->free->curl)
        traffic->free->curl = curl_easy_init();
    return traffic->free && traffic->free->curl ? &traffic->free->request : NULL;
}

void updraft_sim_traffic_start(struct updraft_sim_traffic *traffic, void *tag)
{
    struct transfer *transfer = traffic->free;

    traffic->free = transfer->next_free;
    traffic->under_way++;
    transfer->tag = tag;
    transfer->body_len = 0;
    transfer->text_len = 0;
    transfer->is_image = false;
    transfer->is_looked_at = false;
    transfer->lines = make_lines(&transfer->request);
    transfer->began_us = now_us();
    dress(traffic, transfer);
    curl_multi_add_handle(traffic->multi, transfer->curl);
}

/* --- answers --- */

/* What the server promised is what came: its length (libcurl sees to that) and its digest. */
static bool is_promised(struct transfer *transfer, long status)
{
    const char *promised = header_of(transfer, "x-MD5");
    uint8_t told[UPDRAFT_MD5_LEN], found[UPDRAFT_MD5_LEN];

    if (status == 206 || !promised[0])
        return true;
    updraft_digest_finish(&transfer->md5, found);
    return updraft_text_unhex(promised, strlen(promised), told, sizeof told) &&
           memcmp(told, found, sizeof found) == 0;
}

static void finish(struct updraft_sim_traffic *traffic, struct transfer *transfer, CURLcode code)
{
    struct updraft_sim_result result = {.tag = transfer->tag, .request = &transfer->request};
    curl_off_t retry_after_s = 0;
    long status = 0;

    if (code == CURLE_OK)
        curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    transfer->text[transfer->text_len] = '\0';
    result.status = (unsigned)status;
    result.text = transfer->text;
    result.version = header_of(transfer, "x-version");
    result.is_whole = status && transfer->is_image && is_promised(transfer, status);
    result.retry_after_s = retry_after_s > 0 && retry_after_s < 86400 ? (uint32_t)retry_after_s : 0;
    result.us = now_us() - transfer->began_us;
    result.body_len = transfer->body_len;
    traffic->config.done(traffic->config.ctx, &result);
    curl_multi_remove_handle(traffic->multi, transfer->curl);
    curl_slist_free_all(transfer->lines);
    transfer->lines = NULL;
    transfer->next_free = traffic->free;
    traffic->free = transfer;
    traffic->under_way--;
}

unsigned updraft_sim_traffic_run(struct updraft_sim_traffic *traffic, int wait_ms)
{
    int left = 0;
    CURLMsg *message;

    (void)curl_multi_perform(traffic->multi, &left);
    if ((unsigned)left == traffic->under_way) {
        (void)curl_multi_poll(traffic->multi, NULL, 0, wait_ms, NULL);
        (void)curl_multi_perform(traffic->multi, &left);
    }
    while ((message = curl_multi_info_read(traffic->multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        const CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(traffic, transfer, code);
    }
    return traffic->under_way;
}
