#include "device/console/ovms.h"

#include "device/console/ovms_parts.h"
#include "format/assert.h"

#include <string.h>

#define WORD_CAP       6
#define CLOCK_EVERY_MS 600000u

static const char secure_prompt[] = "OVMS# ";
static const char plain_prompt[] = "OVMS> ";

void updraft_ovms_init(struct updraft_ovms *ovms, const struct updraft_ovms_config *config)
{
    UPDRAFT_ASSERT(config->update != NULL && config->slots != NULL && config->buf != NULL);
    memset(ovms, 0, sizeof *ovms);
    ovms->config = *config;
    ovms->settings.auto_ota = true;
    ovms->settings.auto_hour = 2;
    ovms->job_session = -1;
    ovms->checked_day = -1;
}

void updraft_ovms_set_network(struct updraft_ovms *ovms, enum updraft_ovms_network network)
{
    ovms->network = network;
}

/* ---- What a session hears ----------------------------------------------------------------------
 */

void updraft_ovms_put(struct updraft_ovms *ovms, int session, const char *text)
{
    struct updraft_ovms_session *s = session < 0 ? NULL : &ovms->sessions[session];
    size_t len = strlen(text);

    if (s == NULL || !s->is_open)
        return;
    if (s->out_off > 0) {
        s->out_len = (uint16_t)(s->out_len - s->out_off);
        memmove(s->out, s->out + s->out_off, s->out_len);
        s->out_off = 0;
    }
    if (len > sizeof s->out - s->out_len)
        len = sizeof s->out - s->out_len;
    memcpy(s->out + s->out_len, text, len);
    s->out_len = (uint16_t)(s->out_len + len);
}

void updraft_ovms_put_number(struct updraft_ovms *ovms, int session, uint32_t number)
{
    char digits[12];
    struct updraft_text text;

    updraft_text_init(&text, digits, sizeof digits);
    updraft_text_u32(&text, number);
    updraft_ovms_put(ovms, session, digits);
}

uint32_t updraft_ovms_esp_error(enum updraft_error code)
{
    switch (code) {
    case UPDRAFT_E_TOO_LARGE:
    case UPDRAFT_E_OVERFLOW:
    case UPDRAFT_E_LENGTH:
        return 0x104; /* ESP_ERR_INVALID_SIZE */
    case UPDRAFT_E_NO_SLOT:
    case UPDRAFT_E_NO_OTADATA:
    case UPDRAFT_E_NO_PARTITION:
        return 0x105; /* ESP_ERR_NOT_FOUND */
    case UPDRAFT_E_FLASH_READ:
    case UPDRAFT_E_FLASH_PROGRAM:
    case UPDRAFT_E_FLASH_ERASE:
    case UPDRAFT_E_FLASH_VERIFY:
        return 0x6001; /* ESP_ERR_FLASH_OP_FAIL */
    case UPDRAFT_E_DISABLED:
    case UPDRAFT_E_BUSY:
    case UPDRAFT_E_GUARD:
    case UPDRAFT_E_TRIAL:
    case UPDRAFT_E_STATE:
    case UPDRAFT_E_RESTART_PENDING:
        return 0x103; /* ESP_ERR_INVALID_STATE */
    default:
        return 0x1503; /* ESP_ERR_OTA_VALIDATE_FAILED */
    }
}

void updraft_ovms_put_failure(struct updraft_ovms *ovms, int session,
                              const struct updraft_failure *failure, const char *what)
{
    char sentence[160];

    (void)updraft_failure_sentence(failure, sentence, sizeof sentence);
    for (char *c = sentence; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    updraft_ovms_put(ovms, session, "Error: ESP32 error #");
    updraft_ovms_put_number(ovms, session, updraft_ovms_esp_error(failure->code));
    updraft_ovms_put(ovms, session, what);
    updraft_ovms_put(ovms, session, "\n  ");
    updraft_ovms_put(ovms, session, sentence);
    updraft_ovms_put(ovms, session, "\n");
}

static void put_prompt(struct updraft_ovms *ovms, int session)
{
    if (session >= 0)
        updraft_ovms_put(ovms, session,
                         ovms->sessions[session].is_secure ? secure_prompt : plain_prompt);
}

/* ---- Jobs --------------------------------------------------------------------------------------
 */

/* Another way in may hold the transaction, too. */
bool updraft_ovms_is_busy(const struct updraft_ovms *ovms)
{
    return ovms->job != UPDRAFT_OVMS_JOB_NONE ||
           ovms->config.update->state == UPDRAFT_UPDATE_RECEIVING;
}

bool updraft_ovms_refuse_when_busy(struct updraft_ovms *ovms, int session)
{
    if (updraft_ovms_is_busy(ovms))
        updraft_ovms_put(ovms, session,
                         "Error: Flash operation already in progress - cannot flash again\n");
    return updraft_ovms_is_busy(ovms);
}

void updraft_ovms_begin_job(struct updraft_ovms *ovms, int session, enum updraft_ovms_job job)
{
    ovms->job = job;
    ovms->job_session = (int8_t)session;
    ovms->activity = NULL;
    ovms->source_is_open = false;
    ovms->is_begun = false;
    ovms->is_over = false;
    ovms->total = 0;
    ovms->done = 0;
    ovms->told = 0;
    if (session >= 0)
        ovms->sessions[session].waits = true;
}

void updraft_ovms_end_job(struct updraft_ovms *ovms)
{
    int session = ovms->job_session;

    ovms->job = UPDRAFT_OVMS_JOB_NONE;
    ovms->job_session = -1;
    ovms->activity = NULL;
    if (session >= 0) {
        ovms->sessions[session].waits = false;
        put_prompt(ovms, session);
    }
}

bool updraft_ovms_is_writing(const struct updraft_ovms *ovms)
{
    return ovms->job == UPDRAFT_OVMS_JOB_ERASE || ovms->job == UPDRAFT_OVMS_JOB_COPY;
}

/* ---- config set, enable ------------------------------------------------------------------------
 */

static bool is_yes(const char *word)
{
    return strcmp(word, "yes") == 0 || strcmp(word, "true") == 0 || strcmp(word, "1") == 0;
}

static bool copy_setting(char *out, size_t cap, const char *value)
{
    size_t len = strlen(value);

    if (len >= cap)
        return false;
    memcpy(out, value, len + 1);
    return true;
}

static bool set_hour(struct updraft_ovms *ovms, const char *value)
{
    uint32_t hour;
    size_t used;

    if (!updraft_text_parse_u32(value, strlen(value), &hour, &used) || value[used] != '\0' ||
        hour > 23)
        return false;
    ovms->settings.auto_hour = (uint8_t)hour;
    return true;
}

static bool set_setting(struct updraft_ovms *ovms, const char *param, const char *instance,
                        const char *value)
{
    struct updraft_ovms_settings *settings = &ovms->settings;

    if (strcmp(param, "auto") == 0 && strcmp(instance, "ota") == 0) {
        settings->auto_ota = is_yes(value);
        return true;
    }
    if (strcmp(param, "ota") != 0)
        return false;
    if (strcmp(instance, "auto.hour") == 0)
        return set_hour(ovms, value);
    if (strcmp(instance, "server") == 0)
        return copy_setting(settings->server, sizeof settings->server, value);
    if (strcmp(instance, "tag") == 0)
        return copy_setting(settings->tag, sizeof settings->tag, value);
    if (strcmp(instance, "auto.allow.modem") != 0)
        return false;
    settings->allow_modem = is_yes(value);
    return true;
}

static bool has_password(const struct updraft_ovms *ovms)
{
    return ovms->config.password != NULL && ovms->config.password[0] != '\0';
}

/* The time tells the length of the password, and nothing of its letters. */
static void do_enable(struct updraft_ovms *ovms, int session, const char *given)
{
    struct updraft_ovms_session *s = &ovms->sessions[session];
    bool is_right = !has_password(ovms);

    if (!is_right) {
        size_t len = strlen(ovms->config.password);
        is_right = strlen(given) == len &&
                   updraft_text_equal_constant_time(given, ovms->config.password, len);
        s->sign_in = is_right ? UPDRAFT_SIGN_IN_RIGHT : UPDRAFT_SIGN_IN_WRONG;
    }
    s->is_secure = s->is_secure || is_right;
    updraft_ovms_put(ovms, session, is_right ? "Secure mode\n" : "Error: Invalid password\n");
}

/* ---- Commands ----------------------------------------------------------------------------------
 */

static bool is_word(char *const *words, int count, int at, const char *word)
{
    return at < count && strcmp(words[at], word) == 0;
}

static bool run_flash(struct updraft_ovms *ovms, int session, char *const *words, int count)
{
    bool is_current = ovms->config.dialect == UPDRAFT_OVMS_CURRENT;

    if (is_word(words, count, 2, "vfs") && count == 4) {
        if (!updraft_ovms_refuse_when_busy(ovms, session))
            updraft_ovms_flash_file(ovms, session, words[3]);
    } else if (is_word(words, count, 2, "http") && count <= 4) {
        if (!updraft_ovms_refuse_when_busy(ovms, session))
            updraft_ovms_flash_http(ovms, session, count == 4 ? words[3] : "");
    } else if (is_word(words, count, 2, "auto") &&
               (count == 3 || (count == 4 && is_current && strcmp(words[3], "force") == 0))) {
        updraft_ovms_put(ovms, session, "Triggering automatic firmware update...\n");
        ovms->is_forced = count == 4;
        if (!updraft_ovms_is_busy(ovms))
            updraft_ovms_fetch_version(ovms, -1, UPDRAFT_OVMS_JOB_AUTO_CHECK);
    } else {
        return false;
    }
    return true;
}

static bool run_ota(struct updraft_ovms *ovms, int session, char *const *words, int count)
{
    bool is_current = ovms->config.dialect == UPDRAFT_OVMS_CURRENT;

    if (count == 1)
        updraft_ovms_do_status(ovms, session, false);
    else if (is_word(words, count, 1, "status") && count == 2)
        updraft_ovms_do_status(ovms, session, true);
    else if (is_word(words, count, 1, "status") && is_word(words, count, 2, "nocheck"))
        updraft_ovms_do_status(ovms, session, false);
    else if (is_word(words, count, 1, "flash"))
        return run_flash(ovms, session, words, count);
    else if (is_word(words, count, 1, "boot") && count == 3 &&
             updraft_ovms_slot_of(words[2]) != UPDRAFT_SLOT_NONE)
        updraft_ovms_do_boot(ovms, session, words[2]);
    else if (is_current && is_word(words, count, 1, "erase") && count == 3 &&
             updraft_ovms_slot_of(words[2]) != UPDRAFT_SLOT_NONE)
        updraft_ovms_do_erase(ovms, session, words[2]);
    else if (is_current && is_word(words, count, 1, "copy") && count == 4 &&
             updraft_ovms_slot_of(words[2]) != UPDRAFT_SLOT_NONE &&
             updraft_ovms_slot_of(words[3]) != UPDRAFT_SLOT_NONE && strcmp(words[2], words[3]) != 0)
        updraft_ovms_do_copy(ovms, session, words[2], words[3]);
    else
        return false;
    return true;
}

static void run_words(struct updraft_ovms *ovms, int session, char *const *words, int count)
{
    bool known = true;

    if (is_word(words, count, 0, "enable")) {
        do_enable(ovms, session, count > 1 ? words[1] : "");
    } else if (!ovms->sessions[session].is_secure) {
        updraft_ovms_put(ovms, session, "Error: Secure command requires 'enable' mode\n");
    } else if (is_word(words, count, 0, "ota")) {
        known = run_ota(ovms, session, words, count);
    } else if (is_word(words, count, 0, "config") && is_word(words, count, 1, "set") &&
               count == 5) {
        updraft_ovms_put(ovms, session,
                         set_setting(ovms, words[2], words[3], words[4])
                             ? "Parameter has been set.\n"
                             : "Error: parameter not found\n");
    } else if (is_word(words, count, 0, "module") && is_word(words, count, 1, "reset")) {
        updraft_ovms_put(ovms, session, "Resetting system...\n");
        ovms->restart = true;
    } else {
        known = false;
    }
    if (!known)
        updraft_ovms_put(ovms, session, "Unrecognised command\n");
}

static void run_line(struct updraft_ovms *ovms, int session)
{
    char line[UPDRAFT_OVMS_LINE_CAP];
    char *words[WORD_CAP] = {NULL};
    char *at = line;
    int count = 0;

    memcpy(line, ovms->sessions[session].in, sizeof line);
    while (count < WORD_CAP && *at != '\0') {
        while (*at == ' ' || *at == '\t')
            *at++ = '\0';
        if (*at == '\0')
            break;
        words[count++] = at;
        while (*at != '\0' && *at != ' ' && *at != '\t')
            at++;
    }
    if (count > 0)
        run_words(ovms, session, words, count);
    if (!ovms->sessions[session].waits)
        put_prompt(ovms, session);
}

/* ---- Sessions ----------------------------------------------------------------------------------
 */

int updraft_ovms_open(struct updraft_ovms *ovms, bool is_secure)
{
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP; i++) {
        struct updraft_ovms_session *s = &ovms->sessions[i];

        if (s->is_open)
            continue;
        memset(s, 0, sizeof *s);
        s->is_open = true;
        s->is_secure = is_secure || !has_password(ovms);
        put_prompt(ovms, i);
        return i;
    }
    return -1;
}

void updraft_ovms_close(struct updraft_ovms *ovms, int session)
{
    ovms->sessions[session].is_open = false;
    if (ovms->job_session == session)
        ovms->job_session = -1;
}

size_t updraft_ovms_feed(struct updraft_ovms *ovms, int session, const char *text, size_t len)
{
    struct updraft_ovms_session *s = &ovms->sessions[session];
    size_t used = 0;

    while (used < len && !s->waits && s->out_len == s->out_off) {
        char c = text[used++];

        if (c == '\r' || c == '\0')
            continue;
        if (c == '\n') {
            s->in[s->in_len] = '\0';
            s->in_len = 0;
            run_line(ovms, session);
        } else if (s->in_len < sizeof s->in - 1) { /* the rest of a longer line is lost */
            s->in[s->in_len++] = c;
        }
    }
    return used;
}

size_t updraft_ovms_drain(struct updraft_ovms *ovms, int session, char *out, size_t out_cap)
{
    struct updraft_ovms_session *s = &ovms->sessions[session];
    size_t left = (size_t)(s->out_len - s->out_off);
    size_t len = left < out_cap ? left : out_cap;

    memcpy(out, s->out + s->out_off, len);
    s->out_off = (uint16_t)(s->out_off + len);
    if (s->out_off == s->out_len) {
        s->out_off = 0;
        s->out_len = 0;
    }
    return len;
}

enum updraft_sign_in updraft_ovms_take_sign_in(struct updraft_ovms *ovms, int session)
{
    enum updraft_sign_in result = ovms->sessions[session].sign_in;

    ovms->sessions[session].sign_in = UPDRAFT_SIGN_IN_NONE;
    return result;
}

/* ---- Time --------------------------------------------------------------------------------------
 */

void updraft_ovms_run(struct updraft_ovms *ovms, const struct updraft_ovms_clock *clock,
                      uint64_t now_ms)
{
    ovms->now_ms = now_ms;
    if (ovms->check_ms == 0)
        ovms->check_ms = now_ms + CLOCK_EVERY_MS;
    if (updraft_ovms_is_writing(ovms))
        updraft_ovms_step_writing(ovms);
    if (ovms->restart_ms != 0 && now_ms >= ovms->restart_ms) {
        ovms->restart_ms = 0;
        ovms->restart = true;
    }
    if (now_ms >= ovms->check_ms) {
        ovms->check_ms = now_ms + CLOCK_EVERY_MS;
        updraft_ovms_check_clock(ovms, clock);
    }
}

bool updraft_ovms_take_notice(struct updraft_ovms *ovms, char out[UPDRAFT_OVMS_NOTICE_CAP])
{
    bool is_new = ovms->notice[0] != '\0';

    memcpy(out, ovms->notice, sizeof ovms->notice);
    ovms->notice[0] = '\0';
    return is_new;
}

bool updraft_ovms_take_restart(struct updraft_ovms *ovms)
{
    bool restart = ovms->restart;

    ovms->restart = false;
    return restart;
}
