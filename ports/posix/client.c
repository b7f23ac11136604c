#include "ports/posix/client.h"

#include "ports/posix/pace.h"
#include "updraft_version.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT_S   10L
#define REPORT_TIMEOUT_S    5L
#define STATUS_OK           200
#define STATUS_NOT_MODIFIED 304

bool updraft_client_open(struct updraft_client *client, const struct updraft_client_config *config)
{
    *client = (struct updraft_client){.config = *config};
    client->multi = curl_multi_init();
    return client->multi != NULL;
}

static void end_transfer(struct updraft_client *client, CURL **transfer, struct curl_slist **lines)
{
    if (*transfer) {
        curl_multi_remove_handle(client->multi, *transfer);
        curl_easy_cleanup(*transfer);
    }
    curl_slist_free_all(*lines);
    *transfer = NULL;
    *lines = NULL;
}

void updraft_client_close(struct updraft_client *client)
{
    end_transfer(client, &client->pull_transfer, &client->pull_lines);
    end_transfer(client, &client->report_transfer, &client->report_lines);
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
}

void updraft_client_wait(struct updraft_client *client, struct curl_waitfd *fds, unsigned fd_count,
                         int timeout_ms)
{
    (void)curl_multi_poll(client->multi, fds, fd_count, client->pull_is_paused ? 0 : timeout_ms,
                          NULL);
}

/* What every transfer has in common. */
static CURL *new_transfer(const struct updraft_client *client, const char *url)
{
    CURL *transfer = curl_easy_init();
    if (!transfer)
        return NULL;
    curl_easy_setopt(transfer, CURLOPT_URL, url);
    curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(transfer, CURLOPT_USERAGENT, "updraft-device/" UPDRAFT_VERSION);
    updraft_tls_set(transfer, client->config.tls);
    return transfer;
}

static struct curl_slist *add_lines(struct curl_slist *list, const char *lines)
{
    while (*lines) {
        char line[320];
        size_t len = strcspn(lines, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, lines);
        struct curl_slist *longer = curl_slist_append(list, line);
        list = longer ? longer : list;
        lines += lines[len] ? len + 1 : len;
    }
    return list;
}

/* What is offered is known before the image is asked for. */
static bool asks_first(const struct updraft_client *client)
{
    return client->config.pull->config.way == UPDRAFT_PULL_CHANNEL ||
           client->config.pull->config.way == UPDRAFT_PULL_CHECK;
}

/* The descriptor names the version that was rolled back: its image is not fetched again. */
static bool is_refused_version(const struct updraft_client *client)
{
    const struct updraft_pull *pull = client->config.pull;
    const char *offered = pull->config.way == UPDRAFT_PULL_CHANNEL ? pull->descriptor.version
                          : pull->config.way == UPDRAFT_PULL_CHECK ? pull->answer.offer.version
                                                                   : "";
    return client->config.refused_version[0] &&
           strcmp(offered, client->config.refused_version) == 0;
}

/* The version headers name no version, but the digest of what would come. */
static bool is_refused_md5(const struct updraft_client *client, const char *md5)
{
    return client->config.refused_md5[0] && md5 && !asks_first(client) &&
           strcasecmp(md5, client->config.refused_md5) == 0;
}

/* NULL when the answer has none. It lives as long as the transfer. */
static const char *header_of(const struct updraft_client *client, const char *name)
{
    struct curl_header *header = NULL;
    if (curl_easy_header(client->pull_transfer, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return NULL;
    return header->value;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* In seconds, also where the header has a date; 0 when the answer has none. */
static uint32_t retry_after_s(const struct updraft_client *client)
{
    curl_off_t wait_s = 0;
    curl_easy_getinfo(client->pull_transfer, CURLINFO_RETRY_AFTER, &wait_s);
    return wait_s <= 0 ? 0 : wait_s > UINT32_MAX ? UINT32_MAX : (uint32_t)wait_s;
}

/* Gives status and headers to the engine, once, after redirects. */
static void answer_pull(struct updraft_client *client)
{
    if (client->pull_is_answered)
        return;
    client->pull_is_answered = true;
    long status = 0;
    curl_off_t content_len = -1;
    const char *md5 = header_of(client, "x-MD5");
    curl_easy_getinfo(client->pull_transfer, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->pull_transfer, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &content_len);
    client->is_redirected = is_redirect(status) && header_of(client, "Location");
    if (client->is_redirected)
        return;
    if (status == STATUS_OK && is_refused_md5(client, md5)) {
        client->refused = true;
        status = STATUS_NOT_MODIFIED; /* to the engine: nothing that could be taken */
    }
    client->only_looks = status == STATUS_OK && client->is_on_trial && !asks_first(client);
    if (client->only_looks)
        return;
    client->pull_is_stopped = !updraft_pull_response(
        client->config.pull, &(struct updraft_pull_answer){
                                 .status = (uint16_t)status,
                                 .content_len = content_len,
                                 .md5 = md5,
                                 .etag = header_of(client, "ETag"),
                                 .content_range = header_of(client, "Content-Range"),
                                 .cache_control = header_of(client, "Cache-Control"),
                                 .retry_after_s = retry_after_s(client),
                             });
}

/* Enough is seen once the chip is known, or that it is gzip, or that it is nothing. */
static void look_at_offer(struct updraft_client *client, const uint8_t *data, size_t len)
{
    static const uint8_t gzip_magic[2] = {0x1F, 0x8B};
    bool is_first = client->look.off == 0;
    if (is_first && len >= sizeof gzip_magic && memcmp(data, gzip_magic, sizeof gzip_magic) == 0) {
        client->saw_offer = true;
        return;
    }
    client->look_error = updraft_image_reader_feed(&client->look, data, len);
    if (client->look_error != UPDRAFT_OK || client->look.info.kind == UPDRAFT_IMAGE_UNKNOWN)
        return;
    client->saw_offer = client->look.info.chip_id == client->config.chip_id;
    if (!client->saw_offer)
        client->look_error = UPDRAFT_E_WRONG_CHIP;
}

/* One piece a turn: libcurl would go on as long as the server sends, and writing flash takes so
 * long that nothing else would be served meanwhile, not even the reports of this download. */
static size_t take_pull_body(char *data, size_t size, size_t count, void *ctx)
{
    struct updraft_client *client = ctx;
    size_t len = size * count;
    if (client->pull_took_some) {
        client->pull_is_paused = true;
        return CURL_WRITEFUNC_PAUSE; /* it comes again */
    }
    client->pull_took_some = true;
    answer_pull(client);
    if (client->is_redirected)
        return 0;
    if (client->only_looks) {
        look_at_offer(client, (const uint8_t *)data, len);
        return client->saw_offer || client->look_error != UPDRAFT_OK ? 0 : len;
    }
    if (!client->pull_is_stopped)
        client->pull_is_stopped =
            !updraft_pull_body(client->config.pull, (const uint8_t *)data, len);
    return client->pull_is_stopped ? 0 : len;
}

/* No answer of ours is longer; one that is proves nothing. */
static size_t take_report_answer(char *data, size_t size, size_t count, void *ctx)
{
    struct updraft_client *client = ctx;
    size_t len = size * count;
    if (len > sizeof client->report_answer - client->report_answer_len)
        return 0;
    memcpy(client->report_answer + client->report_answer_len, data, len);
    client->report_answer_len += len;
    return len;
}

/* The password that stands in the configured address, for other addresses of the same server. */
static void log_in(CURL *transfer, const char *home)
{
    CURLU *parts = curl_url();
    char *user = NULL;
    char *password = NULL;
    if (parts && curl_url_set(parts, CURLUPART_URL, home, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_USER, &user, CURLU_URLDECODE) == CURLUE_OK) {
        curl_easy_setopt(transfer, CURLOPT_USERNAME, user);
        if (curl_url_get(parts, CURLUPART_PASSWORD, &password, CURLU_URLDECODE) == CURLUE_OK)
            curl_easy_setopt(transfer, CURLOPT_PASSWORD, password);
    }
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parts);
}

/* What names this device goes only to the host that its owner chose. */
static void introduce(struct updraft_client *client, CURL *transfer)
{
    const char *home = client->config.pull->config.url;
    char lines[UPDRAFT_PULL_HEADERS_CAP];
    if (updraft_redirect_is_home(home, client->url)) {
        log_in(transfer, home);
        client->pull_lines =
            add_lines(add_lines(NULL, client->fetch.headers), client->config.pull_headers);
    } else {
        updraft_redirect_strip(client->fetch.headers, lines);
        client->pull_lines = add_lines(NULL, lines);
    }
    curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, client->pull_lines);
}

/* Asks client->url for what client->fetch wants. */
static void open_pull(struct updraft_client *client, uint64_t now_ms)
{
    client->pull_is_answered = false;
    client->is_redirected = false;
    client->pull_is_stopped = false;
    client->pull_is_paused = false;
    client->pull_transfer = client->config.is_offline ? NULL : new_transfer(client, client->url);
    if (!client->pull_transfer) {
        updraft_pull_end(client->config.pull, UPDRAFT_E_CONNECT, now_ms);
        return;
    }
    CURL *transfer = client->pull_transfer;
    introduce(client, transfer);
    curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_LIMIT, (long)UPDRAFT_PACE_MIN_BPS);
    curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_TIME, (long)client->config.stall_s);
    curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, take_pull_body);
    curl_easy_setopt(transfer, CURLOPT_WRITEDATA, client);
    if (client->fetch.body) {
        curl_easy_setopt(transfer, CURLOPT_POSTFIELDSIZE, (long)client->fetch.body_len);
        curl_easy_setopt(transfer, CURLOPT_COPYPOSTFIELDS, client->fetch.body);
    }
    if (client->fetch.http_1_0)
        curl_easy_setopt(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
    curl_multi_add_handle(client->multi, transfer);
}

static void start_pull(struct updraft_client *client, const struct updraft_pull_fetch *fetch,
                       uint64_t now_ms)
{
    client->fetch = *fetch;
    snprintf(client->url, sizeof client->url, "%s", fetch->url);
    client->redirect_count = 0;
    client->pull_took_some = false;
    client->only_looks = false;
    client->saw_offer = false;
    client->look_error = UPDRAFT_OK;
    updraft_image_reader_init(&client->look);
    open_pull(client, now_ms);
}

static void follow_redirect(struct updraft_client *client, uint64_t now_ms)
{
    char to[UPDRAFT_REDIRECT_URL_CAP];
    struct updraft_failure why;
    const char *refusal = "to what is no http or https address";
    if (updraft_redirect_resolve(client->url, header_of(client, "Location"), to))
        refusal = updraft_redirect_refusal(client->url, to, client->redirect_count);
    /* What is posted names this device. */
    if (!refusal && client->fetch.body &&
        !updraft_redirect_is_home(client->config.pull->config.url, to))
        refusal = "to another host, which a check-in does not follow";
    end_transfer(client, &client->pull_transfer, &client->pull_lines);
    if (refusal) {
        updraft_failure_set(&why, UPDRAFT_E_REDIRECT, 0, 0, refusal);
        updraft_pull_break(client->config.pull, &why, now_ms);
        return;
    }
    client->redirect_count++;
    memcpy(client->url, to, sizeof to);
    open_pull(client, now_ms);
}

static enum updraft_error transport_error(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return UPDRAFT_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return UPDRAFT_E_TIMEOUT;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
        return UPDRAFT_E_DISCONNECTED;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return UPDRAFT_E_CONNECT;
    default: /* it was reached, and what it said made no sense */
        return UPDRAFT_E_PROTOCOL;
    }
}

/* To the engine an offer that is not taken now is "nothing new". */
static enum updraft_error end_look(struct updraft_client *client, enum updraft_error transport)
{
    if (client->saw_offer) {
        (void)updraft_pull_response(client->config.pull,
                                    &(struct updraft_pull_answer){.status = STATUS_NOT_MODIFIED});
        return UPDRAFT_OK;
    }
    if (client->look_error != UPDRAFT_OK)
        return client->look_error;
    return transport != UPDRAFT_OK ? transport : UPDRAFT_E_TRUNCATED;
}

static void end_pull(struct updraft_client *client, CURLcode code, uint64_t now_ms)
{
    struct updraft_failure why = {.code = transport_error(code)};
    (void)updraft_tls_explain(client->pull_transfer, code, &why);
    if (why.code == UPDRAFT_OK)
        answer_pull(client); /* an answer without body */
    if (client->is_redirected) {
        follow_redirect(client, now_ms);
        return;
    }
    if (client->only_looks) {
        why.code = end_look(client, why.code);
        why.a = client->look.info.chip_id; /* for the sentence of a wrong one */
    } else if (client->pull_is_stopped) {
        why.code = UPDRAFT_OK; /* it was us who broke it off */
    }
    end_transfer(client, &client->pull_transfer, &client->pull_lines);
    client->pull_is_paused = false;
    updraft_pull_break(client->config.pull, &why, now_ms);
}

/* {"ok":true}: anything may answer 200, a captive portal for one. */
static bool is_report_taken(const struct updraft_client *client)
{
    cJSON *json = cJSON_ParseWithLength(client->report_answer, client->report_answer_len);
    bool is_taken = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ok"));
    cJSON_Delete(json);
    return is_taken;
}

static void end_report(struct updraft_client *client, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(client->report_transfer, CURLINFO_RESPONSE_CODE, &status);
    bool is_delivered = code == CURLE_OK && status == STATUS_OK && is_report_taken(client);
    client->report = is_delivered ? UPDRAFT_CLIENT_REPORT_DELIVERED : UPDRAFT_CLIENT_REPORT_FAILED;
    end_transfer(client, &client->report_transfer, &client->report_lines);
}

static void finish_transfers(struct updraft_client *client, uint64_t now_ms)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        if (message->easy_handle == client->pull_transfer)
            end_pull(client, message->data.result, now_ms);
        else if (message->easy_handle == client->report_transfer)
            end_report(client, message->data.result);
    }
}

/* Takes the piece that was left over in the turn before. */
static void go_on_pulling(struct updraft_client *client, uint64_t now_ms)
{
    client->pull_took_some = false;
    if (!client->pull_is_paused)
        return;
    client->pull_is_paused = false;
    CURLcode code = curl_easy_pause(client->pull_transfer, CURLPAUSE_CONT);
    if (code != CURLE_OK)
        end_pull(client, code, now_ms);
}

void updraft_client_run(struct updraft_client *client, bool may_start, uint64_t now_ms)
{
    struct updraft_pull_fetch fetch;
    int running;
    go_on_pulling(client, now_ms);
    (void)curl_multi_perform(client->multi, &running);
    finish_transfers(client, now_ms);
    if (!client->config.pull || client->pull_transfer)
        return;
    if (!may_start && !updraft_pull_goes_on(client->config.pull))
        return;
    if (client->is_on_trial && updraft_pull_has_offer(client->config.pull))
        return;
    if (!updraft_pull_wants(client->config.pull, now_ms, &fetch))
        return;
    if (is_refused_version(client) && strcmp(fetch.url, client->config.pull->config.url) != 0) {
        client->refused = true;
        updraft_pull_end(client->config.pull, UPDRAFT_E_ABORTED, now_ms);
        return;
    }
    start_pull(client, &fetch, now_ms);
}

bool updraft_client_is_pulling(const struct updraft_client *client)
{
    return client->pull_transfer != NULL;
}

void updraft_client_send_report(struct updraft_client *client, const char *json)
{
    CURL *transfer =
        client->config.is_offline ? NULL : new_transfer(client, client->config.report_url);
    if (!transfer) {
        client->report = UPDRAFT_CLIENT_REPORT_FAILED;
        return;
    }
    client->report_transfer = transfer;
    client->report_answer_len = 0;
    client->report_lines = add_lines(NULL, "Content-Type: application/json\n");
    curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, client->report_lines);
    curl_easy_setopt(transfer, CURLOPT_COPYPOSTFIELDS, json);
    curl_easy_setopt(transfer, CURLOPT_TIMEOUT, REPORT_TIMEOUT_S);
    curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, take_report_answer);
    curl_easy_setopt(transfer, CURLOPT_WRITEDATA, client);
    curl_multi_add_handle(client->multi, transfer);
}

bool updraft_client_is_reporting(const struct updraft_client *client)
{
    return client->report_transfer != NULL;
}

enum updraft_client_report updraft_client_take_report(struct updraft_client *client)
{
    enum updraft_client_report report = client->report;
    client->report = UPDRAFT_CLIENT_REPORT_NONE;
    return report;
}
