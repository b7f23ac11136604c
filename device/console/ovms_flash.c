/* What reads a source: ota flash vfs, http and auto, and the server's version file. */
#include "device/console/ovms_parts.h"

#include <string.h>

#define DEFAULT_SERVER   "api.openvehicles.com/firmware/ota"
#define DEFAULT_TAG      "main"
#define PROTECTED_PATH   "/store/ovms_config"
#define RESTART_AFTER_MS 5000u
#define STATUS_OK        200u

/* The two generations of the stock firmware. */
struct manners {
    uint32_t min_len;       /* of what is fetched: less is an error page */
    uint32_t progress_step; /* bytes between two lines of progress */
    bool has_pct;
    bool checks_size; /* against the partition, before it begins */
};

static struct manners manners_of(const struct updraft_ovms *ovms)
{
    if (ovms->config.dialect == UPDRAFT_OVMS_3_1_003)
        return (struct manners){.min_len = 32, .progress_step = 100000};
    return (struct manners){
        .min_len = 1024, .progress_step = 200000, .has_pct = true, .checks_size = true};
}

enum updraft_ovms_wants updraft_ovms_wants(const struct updraft_ovms *ovms)
{
    switch (ovms->job) {
    case UPDRAFT_OVMS_JOB_NONE:
        break;
    case UPDRAFT_OVMS_JOB_VFS:
        return UPDRAFT_OVMS_WANTS_FILE;
    case UPDRAFT_OVMS_JOB_CHECK:
    case UPDRAFT_OVMS_JOB_HTTP:
    case UPDRAFT_OVMS_JOB_AUTO_CHECK:
    case UPDRAFT_OVMS_JOB_AUTO:
        return UPDRAFT_OVMS_WANTS_HTTP;
    case UPDRAFT_OVMS_JOB_ERASE:
    case UPDRAFT_OVMS_JOB_COPY:
        return UPDRAFT_OVMS_WANTS_RUN;
    }
    return UPDRAFT_OVMS_WANTS_NOTHING;
}

const char *updraft_ovms_source(const struct updraft_ovms *ovms)
{
    return ovms->source;
}

/* ---- Beginning ---------------------------------------------------------------------------------
 */

static const char *or_else(const char *first, const char *second, const char *third)
{
    if (first[0] != '\0')
        return first;
    return second != NULL && second[0] != '\0' ? second : third;
}

/* Without the scheme, as the stock firmware prints it: it speaks plain HTTP whatever it says. */
static void make_url(struct updraft_ovms *ovms, const char *file)
{
    const char *server = or_else(ovms->settings.server, ovms->config.server, DEFAULT_SERVER);
    struct updraft_text text;

    updraft_text_init(&text, ovms->source, sizeof ovms->source);
    updraft_text_str(&text, server);
    updraft_text_str(&text, "/");
    updraft_text_str(&text, ovms->config.product);
    updraft_text_str(&text, "/");
    updraft_text_str(&text, or_else(ovms->settings.tag, ovms->config.tag, DEFAULT_TAG));
    updraft_text_str(&text, file);
}

static void keep_source(struct updraft_ovms *ovms, const char *source)
{
    struct updraft_text text;

    updraft_text_init(&text, ovms->source, sizeof ovms->source);
    updraft_text_str(&text, source);
}

/* Says which slot runs and which one is written; UPDRAFT_SLOT_NONE after an error. */
static int find_target(struct updraft_ovms *ovms, int session)
{
    const struct updraft_slots *slots = ovms->config.slots;
    int target;

    if (slots->running == UPDRAFT_SLOT_NONE) {
        updraft_ovms_put(ovms, session,
                         "Error: Current running image cannot be determined - aborting\n");
        return UPDRAFT_SLOT_NONE;
    }
    updraft_ovms_put(ovms, session, "Current running partition is: ");
    updraft_ovms_put(ovms, session, updraft_slot_name(slots->running));
    updraft_ovms_put(ovms, session, "\n");
    if (updraft_slots_next(slots, &target) != UPDRAFT_OK) {
        updraft_ovms_put(ovms, session,
                         "Error: Target partition cannot be determined - aborting\n");
        return UPDRAFT_SLOT_NONE;
    }
    updraft_ovms_put(ovms, session, "Target partition is: ");
    updraft_ovms_put(ovms, session, updraft_slot_name(target));
    updraft_ovms_put(ovms, session, "\n");
    ovms->to = updraft_layout_extent(&slots->layout, target);
    return target;
}

void updraft_ovms_flash_file(struct updraft_ovms *ovms, int session, const char *path)
{
    if (find_target(ovms, session) == UPDRAFT_SLOT_NONE)
        return;
    if (strncmp(path, PROTECTED_PATH, strlen(PROTECTED_PATH)) == 0) {
        updraft_ovms_put(ovms, session, "Error: protected path\n");
        return;
    }
    keep_source(ovms, path);
    updraft_ovms_begin_job(ovms, session, UPDRAFT_OVMS_JOB_VFS);
}

void updraft_ovms_flash_http(struct updraft_ovms *ovms, int session, const char *url)
{
    int target = find_target(ovms, session);

    if (target == UPDRAFT_SLOT_NONE)
        return;
    if (url[0] != '\0')
        keep_source(ovms, url);
    else
        make_url(ovms, "/ovms3.bin");
    updraft_ovms_put(ovms, session, "Download firmware from ");
    updraft_ovms_put(ovms, session, ovms->source);
    updraft_ovms_put(ovms, session, " to ");
    updraft_ovms_put(ovms, session, updraft_slot_name(target));
    updraft_ovms_put(ovms, session, "\n");
    updraft_ovms_begin_job(ovms, session, UPDRAFT_OVMS_JOB_HTTP);
}

void updraft_ovms_fetch_version(struct updraft_ovms *ovms, int session, enum updraft_ovms_job job)
{
    make_url(ovms, "/ovms3.ver");
    updraft_ovms_begin_job(ovms, session, job);
    ovms->server_version[0] = '\0';
    ovms->version_len = 0;
    ovms->changelog_len = 0;
    ovms->has_line = false;
}

/* ---- The source is open ------------------------------------------------------------------------
 */

static bool is_version_job(const struct updraft_ovms *ovms)
{
    return ovms->job == UPDRAFT_OVMS_JOB_CHECK || ovms->job == UPDRAFT_OVMS_JOB_AUTO_CHECK;
}

static const char *say_activity(struct updraft_ovms *ovms, const char *activity, size_t old_off)
{
    bool is_old = ovms->config.dialect == UPDRAFT_OVMS_3_1_003;

    ovms->activity = activity;
    updraft_ovms_put(ovms, ovms->job_session, is_old ? activity + old_off : activity);
    updraft_ovms_put(ovms, ovms->job_session, "\n");
    return activity;
}

/* Behind this prefix of the current firmware's stands what 3.1.003 says. */
#define PREFIX_LEN(prefix) (sizeof(prefix) - 1)
#define VFS(text)          "OTA Flash VFS: " text, PREFIX_LEN("OTA Flash VFS: ")
#define HTTP(text)         "OTA Flash HTTP: " text, PREFIX_LEN("OTA Flash HTTP: ")

/* The job is lost; what is still read of the source is thrown away. */
static bool give_up(struct updraft_ovms *ovms)
{
    ovms->is_over = true;
    return false;
}

static bool begin_update(struct updraft_ovms *ovms)
{
    struct updraft_update_request request = {.wire_len = ovms->total};
    struct updraft_failure failure;

    if (updraft_update_begin(ovms->config.update, &request, &failure) != UPDRAFT_OK) {
        updraft_ovms_put_failure(ovms, ovms->job_session, &failure, " when starting OTA operation");
        return give_up(ovms);
    }
    ovms->is_begun = true;
    return true;
}

static bool fits(struct updraft_ovms *ovms)
{
    if (!manners_of(ovms).checks_size || ovms->total <= ovms->to.len)
        return true;
    updraft_ovms_put(ovms, ovms->job_session, "Error: target partition too small (");
    updraft_ovms_put_number(ovms, ovms->job_session, ovms->to.len);
    updraft_ovms_put(ovms, ovms->job_session, " bytes capacity) - aborting\n");
    return give_up(ovms);
}

static bool open_file(struct updraft_ovms *ovms)
{
    updraft_ovms_put(ovms, ovms->job_session, "Source image is ");
    updraft_ovms_put_number(ovms, ovms->job_session, ovms->total);
    updraft_ovms_put(ovms, ovms->job_session, " bytes in size\n");
    if (!fits(ovms))
        return false;
    say_activity(ovms, VFS("Preparing flash partition..."));
    if (!begin_update(ovms))
        return false;
    say_activity(ovms, VFS("Flashing image partition..."));
    return true;
}

static bool open_http(struct updraft_ovms *ovms)
{
    if (ovms->total < manners_of(ovms).min_len) {
        updraft_ovms_put(ovms, ovms->job_session, "Error: Expected download file size (");
        updraft_ovms_put_number(ovms, ovms->job_session, ovms->total);
        updraft_ovms_put(ovms, ovms->job_session, ") is invalid\n");
        ovms->checked_day = ovms->job == UPDRAFT_OVMS_JOB_AUTO ? -1 : ovms->checked_day;
        return give_up(ovms);
    }
    updraft_ovms_put(ovms, ovms->job_session, "Expected file size is ");
    updraft_ovms_put_number(ovms, ovms->job_session, ovms->total);
    updraft_ovms_put(ovms, ovms->job_session, "\n");
    if (!fits(ovms))
        return false;
    if (ovms->job == UPDRAFT_OVMS_JOB_HTTP)
        say_activity(ovms, HTTP("Preparing flash partition..."));
    if (!begin_update(ovms))
        return false;
    ovms->activity = ovms->job == UPDRAFT_OVMS_JOB_AUTO
                         ? "OTA Auto Flash: Downloading OTA image..."
                         : "OTA Flash HTTP: Downloading OTA image...";
    return true;
}

bool updraft_ovms_opened(struct updraft_ovms *ovms, int64_t len, uint16_t status)
{
    ovms->source_is_open = true;
    ovms->total = len < 0 ? 0 : len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
    if (is_version_job(ovms))
        return status == STATUS_OK || give_up(ovms);
    return ovms->job == UPDRAFT_OVMS_JOB_VFS ? open_file(ovms) : open_http(ovms);
}

/* ---- Its bytes ---------------------------------------------------------------------------------
 */

/* The first line is the version, the rest the change log. */
static void take_version_byte(struct updraft_ovms *ovms, char c)
{
    if (!ovms->has_line && (c == '\r' || c == '\n')) {
        ovms->server_version[ovms->version_len] = '\0';
        ovms->has_line = true;
    } else if (!ovms->has_line) {
        if (ovms->version_len < sizeof ovms->server_version - 1)
            ovms->server_version[ovms->version_len++] = c >= ' ' && c <= '~' ? c : '?';
    } else if (c == '\n' ? ovms->changelog_len > 0
                         : c != '\r' && (c >= ' ' || c == '\t' || c < 0)) {
        if (ovms->changelog_len < sizeof ovms->changelog - 1)
            ovms->changelog[ovms->changelog_len++] = c;
    }
}

static void put_progress(struct updraft_ovms *ovms)
{
    struct manners manners = manners_of(ovms);

    if (ovms->done - ovms->told < manners.progress_step)
        return;
    ovms->told = ovms->done;
    updraft_ovms_put(ovms, ovms->job_session, "Downloading... ");
    if (manners.has_pct) {
        updraft_ovms_put_number(ovms, ovms->job_session,
                                (uint32_t)((uint64_t)ovms->done * 100u / ovms->total));
        updraft_ovms_put(ovms, ovms->job_session, "% (");
        updraft_ovms_put_number(ovms, ovms->job_session, ovms->done);
    } else {
        updraft_ovms_put(ovms, ovms->job_session, "(");
        updraft_ovms_put_number(ovms, ovms->job_session, ovms->done);
    }
    updraft_ovms_put(ovms, ovms->job_session, " bytes so far)\n");
}

bool updraft_ovms_data(struct updraft_ovms *ovms, const uint8_t *data, size_t len)
{
    struct updraft_update *update = ovms->config.update;

    if (ovms->is_over)
        return false;
    if (is_version_job(ovms)) {
        for (size_t i = 0; i < len; i++)
            take_version_byte(ovms, (char)data[i]);
        return true;
    }
    if (!ovms->is_begun)
        return give_up(ovms);
    if (updraft_update_feed(update, data, (uint32_t)len) != UPDRAFT_OK) {
        updraft_ovms_put_failure(ovms, ovms->job_session, &update->failure,
                                 " when writing to flash - state is inconsistent");
        return give_up(ovms);
    }
    ovms->done += (uint32_t)len;
    if (ovms->job == UPDRAFT_OVMS_JOB_HTTP)
        put_progress(ovms);
    return true;
}

/* ---- Its end -----------------------------------------------------------------------------------
 */

static void notify(struct updraft_ovms *ovms, const char *before, const char *after)
{
    struct updraft_text text;

    updraft_text_init(&text, ovms->notice, sizeof ovms->notice);
    updraft_text_str(&text, before);
    updraft_text_str(&text, ovms->server_version);
    updraft_text_str(&text, after);
}

static bool finish_update(struct updraft_ovms *ovms)
{
    struct updraft_update *update = ovms->config.update;

    if (updraft_update_finish(update) == UPDRAFT_OK)
        return true;
    updraft_ovms_put_failure(ovms, ovms->job_session, &update->failure,
                             " finalising OTA operation - state is inconsistent");
    return false;
}

static void put_success(struct updraft_ovms *ovms)
{
    int session = ovms->job_session;

    if (ovms->job == UPDRAFT_OVMS_JOB_VFS)
        say_activity(ovms, VFS("Setting boot partition..."));
    else
        say_activity(ovms, HTTP("Setting boot partition..."));
    updraft_ovms_put(ovms, session, "OTA flash was successful\n  Flashed ");
    updraft_ovms_put_number(ovms, session, ovms->done);
    updraft_ovms_put(ovms, session, " bytes from ");
    updraft_ovms_put(ovms, session, ovms->source);
    updraft_ovms_put(ovms, session, "\n  Next boot will be from '");
    updraft_ovms_put(ovms, session, updraft_slot_name(ovms->config.update->target_slot));
    updraft_ovms_put(ovms, session, "'\n");
}

static void put_download_end(struct updraft_ovms *ovms, bool is_good)
{
    int session = ovms->job_session;

    updraft_ovms_put(ovms, session, is_good ? "Download complete (at " : "Download failed (at ");
    updraft_ovms_put_number(ovms, session, ovms->done);
    updraft_ovms_put(ovms, session, " bytes)\n");
    if (is_good)
        return;
    updraft_ovms_put(ovms, session, "Error: Download file size (");
    updraft_ovms_put_number(ovms, session, ovms->done);
    updraft_ovms_put(ovms, session, ") does not match expected (");
    updraft_ovms_put_number(ovms, session, ovms->total);
    updraft_ovms_put(ovms, session, ")\n");
}

/* True when the new image is chosen. */
static bool end_flash(struct updraft_ovms *ovms, enum updraft_error transport)
{
    bool is_whole = transport == UPDRAFT_OK && ovms->done == ovms->total;

    if (ovms->job != UPDRAFT_OVMS_JOB_VFS)
        put_download_end(ovms, is_whole);
    else if (!is_whole)
        updraft_ovms_put(ovms, ovms->job_session, "Error: cannot read the file to its end\n");
    if (!is_whole) {
        updraft_update_abort(ovms->config.update,
                             transport == UPDRAFT_OK ? UPDRAFT_E_TRUNCATED : transport);
        ovms->checked_day = ovms->job == UPDRAFT_OVMS_JOB_AUTO ? -1 : ovms->checked_day;
        return false;
    }
    if (!finish_update(ovms))
        return false;
    put_success(ovms);
    return true;
}

static void end_unopened(struct updraft_ovms *ovms)
{
    if (ovms->job == UPDRAFT_OVMS_JOB_VFS) {
        updraft_ovms_put(ovms, ovms->job_session, "Error: Cannot find file ");
        updraft_ovms_put(ovms, ovms->job_session, ovms->source);
        updraft_ovms_put(ovms, ovms->job_session, "\n");
    } else {
        updraft_ovms_put(ovms, ovms->job_session, "Error: Request failed\n");
        ovms->checked_day = ovms->job == UPDRAFT_OVMS_JOB_AUTO ? -1 : ovms->checked_day;
    }
}

/* Only wifi, unless a modem is allowed; the user hears it once for each version. */
static bool may_download(struct updraft_ovms *ovms)
{
    if (ovms->network == UPDRAFT_OVMS_NETWORK_WIFI ||
        (ovms->settings.allow_modem && ovms->network == UPDRAFT_OVMS_NETWORK_MODEM))
        return true;
    if (strcmp(ovms->told_version, ovms->server_version) != 0)
        notify(ovms, "New firmware ", " is available. Connect to WIFI to update");
    memcpy(ovms->told_version, ovms->server_version, sizeof ovms->told_version);
    return false;
}

/* The version is known, or it is not: what the daily look comes to. */
static void decide_auto(struct updraft_ovms *ovms)
{
    bool is_newer = updraft_ovms_version_compare(ovms->server_version, ovms->config.version) > 0;
    int target;

    if (ovms->server_version[0] == '\0' || updraft_ovms_is_busy(ovms) ||
        updraft_slots_next(ovms->config.slots, &target) != UPDRAFT_OK) {
        ovms->checked_day = -1; /* again in ten minutes */
        return;
    }
    if ((!is_newer && !ovms->is_forced) || !may_download(ovms))
        return;
    notify(ovms, "New OTA firmware ", " is now being downloaded");
    ovms->to = updraft_layout_extent(&ovms->config.slots->layout, target);
    make_url(ovms, "/ovms3.bin");
    updraft_ovms_begin_job(ovms, -1, UPDRAFT_OVMS_JOB_AUTO);
    ovms->activity = "OTA Auto Flash: Preparing flash partition...";
}

static void end_version(struct updraft_ovms *ovms, enum updraft_error transport)
{
    enum updraft_ovms_job job = ovms->job;

    if (transport != UPDRAFT_OK || ovms->is_over || !ovms->has_line)
        ovms->server_version[0] = '\0';
    while (ovms->changelog_len > 0 && ovms->changelog[ovms->changelog_len - 1] == '\n')
        ovms->changelog_len--;
    ovms->changelog[ovms->changelog_len] = '\0';
    if (job == UPDRAFT_OVMS_JOB_CHECK)
        updraft_ovms_show_status(ovms, ovms->job_session);
    updraft_ovms_end_job(ovms);
    if (job == UPDRAFT_OVMS_JOB_AUTO_CHECK)
        decide_auto(ovms);
}

void updraft_ovms_ended(struct updraft_ovms *ovms, enum updraft_error transport)
{
    bool is_auto = ovms->job == UPDRAFT_OVMS_JOB_AUTO;

    if (is_version_job(ovms)) {
        end_version(ovms, transport);
        return;
    }
    if (!ovms->source_is_open) {
        end_unopened(ovms);
    } else if (!ovms->is_over && end_flash(ovms, transport) && is_auto) {
        notify(ovms, "OTA firmware ", " has been updated (OVMS will restart)");
        ovms->restart_ms = ovms->now_ms + RESTART_AFTER_MS;
    }
    updraft_ovms_end_job(ovms);
}

void updraft_ovms_check_clock(struct updraft_ovms *ovms, const struct updraft_ovms_clock *clock)
{
    if (!ovms->settings.auto_ota || clock->hour != ovms->settings.auto_hour ||
        clock->day == ovms->checked_day || updraft_ovms_is_busy(ovms))
        return;
    ovms->checked_day = (int8_t)clock->day;
    ovms->is_forced = false;
    updraft_ovms_fetch_version(ovms, -1, UPDRAFT_OVMS_JOB_AUTO_CHECK);
}
