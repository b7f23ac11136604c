#include "ports/posix/console_source.h"

#include "ports/posix/pace.h"

#include <string.h>
#include <strings.h>
#include <sys/select.h>
#include <sys/stat.h>

#define READ_LEN   4096u
#define CONNECT_S  10L /* what the stock firmware waits */
#define URL_PREFIX "http://"

bool updraft_console_source_open(struct updraft_console_source *source, struct updraft_ovms *ovms,
                                 const char *user_agent, uint32_t stall_s)
{
    *source = (struct updraft_console_source){
        .ovms = ovms, .user_agent = user_agent, .stall_s = stall_s, .multi = curl_multi_init()};
    return source->multi != NULL;
}

static void end_transfer(struct updraft_console_source *source)
{
    if (!source->transfer)
        return;
    curl_multi_remove_handle(source->multi, source->transfer);
    curl_easy_cleanup(source->transfer);
    source->transfer = NULL;
    source->is_paused = false;
}

void updraft_console_source_close(struct updraft_console_source *source)
{
    end_transfer(source);
    if (source->multi)
        curl_multi_cleanup(source->multi);
    source->multi = NULL;
    if (source->file)
        fclose(source->file);
    source->file = NULL;
}

/* ---- files ---- */

static void start_file(struct updraft_console_source *source)
{
    struct stat facts;
    source->file = fopen(updraft_ovms_source(source->ovms), "rb");
    if (!source->file || fstat(fileno(source->file), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        if (source->file)
            fclose(source->file);
        source->file = NULL;
        updraft_ovms_ended(source->ovms, UPDRAFT_E_NOT_FOUND);
        return;
    }
    if (updraft_ovms_opened(source->ovms, facts.st_size, 0))
        return;
    fclose(source->file);
    source->file = NULL;
    updraft_ovms_ended(source->ovms, UPDRAFT_OK);
}

static void run_file(struct updraft_console_source *source)
{
    uint8_t bytes[READ_LEN];
    size_t len = fread(bytes, 1, sizeof bytes, source->file);
    bool is_over = len < sizeof bytes;
    bool is_broken = ferror(source->file) != 0;
    if (len > 0 && !updraft_ovms_data(source->ovms, bytes, len))
        is_over = true;
    if (!is_over)
        return;
    fclose(source->file);
    source->file = NULL;
    updraft_ovms_ended(source->ovms, is_broken ? UPDRAFT_E_DISCONNECTED : UPDRAFT_OK);
}

/* ---- HTTP ---- */

static bool give_header(struct updraft_console_source *source)
{
    long status = 0;
    curl_off_t len = -1;
    if (source->is_opened)
        return true;
    source->is_opened = true;
    curl_easy_getinfo(source->transfer, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(source->transfer, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len);
    return updraft_ovms_opened(source->ovms, len, (uint16_t)status);
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct updraft_console_source *source = ctx;
    size_t len = size * count;
    if (source->took_some) {
        source->is_paused = true;
        return CURL_WRITEFUNC_PAUSE; /* it comes again */
    }
    source->took_some = true;
    if (!give_header(source) || !updraft_ovms_data(source->ovms, (const uint8_t *)data, len))
        return 0;
    return len;
}

static void make_url(const char *named, char *url, size_t cap)
{
    if (strncasecmp(named, "http://", 7) == 0)
        named += 7;
    else if (strncasecmp(named, "https://", 8) == 0)
        named += 8;
    snprintf(url, cap, URL_PREFIX "%s", named);
}

static void start_http(struct updraft_console_source *source)
{
    char url[UPDRAFT_OVMS_SOURCE_CAP + sizeof URL_PREFIX];
    CURL *transfer = curl_easy_init();
    make_url(updraft_ovms_source(source->ovms), url, sizeof url);
    source->is_opened = false;
    source->transfer = transfer;
    if (!transfer) {
        updraft_ovms_ended(source->ovms, UPDRAFT_E_CONNECT);
        return;
    }
    curl_easy_setopt(transfer, CURLOPT_URL, url);
    curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(transfer, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
    curl_easy_setopt(transfer, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_LIMIT, (long)UPDRAFT_PACE_MIN_BPS);
    curl_easy_setopt(transfer, CURLOPT_LOW_SPEED_TIME, (long)source->stall_s);
    curl_easy_setopt(transfer, CURLOPT_USERAGENT, source->user_agent);
    curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(transfer, CURLOPT_WRITEDATA, source);
    curl_multi_add_handle(source->multi, transfer);
}

/* An answer without a body was not given to the engine yet; where there was none, it is not. */
static void end_http(struct updraft_console_source *source, CURLcode code)
{
    enum updraft_error transport = code == CURLE_OK                   ? UPDRAFT_OK
                                   : code == CURLE_OPERATION_TIMEDOUT ? UPDRAFT_E_TIMEOUT
                                   : source->is_opened                ? UPDRAFT_E_DISCONNECTED
                                                                      : UPDRAFT_E_CONNECT;
    if (code == CURLE_OK)
        (void)give_header(source);
    end_transfer(source);
    updraft_ovms_ended(source->ovms, transport);
}

static void run_http(struct updraft_console_source *source)
{
    int count;
    CURLMsg *message;
    source->took_some = false;
    if (source->is_paused) {
        source->is_paused = false;
        CURLcode code = curl_easy_pause(source->transfer, CURLPAUSE_CONT);
        if (code != CURLE_OK) {
            end_http(source, code);
            return;
        }
    }
    (void)curl_multi_perform(source->multi, &count);
    while (source->transfer && (message = curl_multi_info_read(source->multi, &count)) != NULL)
        if (message->msg == CURLMSG_DONE)
            end_http(source, message->data.result);
}

/* ---- both ---- */

unsigned updraft_console_source_poll(const struct updraft_console_source *source,
                                     struct pollfd *fds)
{
    fd_set reads, writes, errors;
    int last = -1;
    unsigned count = 0;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_ZERO(&errors);
    if (!source->transfer ||
        curl_multi_fdset(source->multi, &reads, &writes, &errors, &last) != CURLM_OK)
        return 0;
    for (int fd = 0; fd <= last && count < UPDRAFT_CONSOLE_SOURCE_POLL_CAP; fd++) {
        int events = (FD_ISSET(fd, &reads) ? POLLIN : 0) | (FD_ISSET(fd, &writes) ? POLLOUT : 0);
        if (events)
            fds[count++] = (struct pollfd){.fd = fd, .events = (short)events};
    }
    return count;
}

bool updraft_console_source_is_ready(const struct updraft_console_source *source)
{
    bool is_idle = !source->file && !source->transfer;
    switch (updraft_ovms_wants(source->ovms)) {
    case UPDRAFT_OVMS_WANTS_NOTHING:
        return false;
    case UPDRAFT_OVMS_WANTS_FILE:
    case UPDRAFT_OVMS_WANTS_RUN:
        return true;
    case UPDRAFT_OVMS_WANTS_HTTP:
        break;
    }
    return is_idle || source->is_paused;
}

void updraft_console_source_run(struct updraft_console_source *source)
{
    if (source->file) {
        run_file(source);
    } else if (source->transfer) {
        run_http(source);
    } else if (updraft_ovms_wants(source->ovms) == UPDRAFT_OVMS_WANTS_FILE) {
        start_file(source);
    } else if (updraft_ovms_wants(source->ovms) == UPDRAFT_OVMS_WANTS_HTTP) {
        start_http(source);
        if (source->transfer)
            run_http(source);
    }
}
