#include "server/routes.h"

#include "format/assert.h"
#include "format/image.h"
#include "format/signature.h"
#include "server/dashboard.h"
#include "server/device_api/device_api.h"
#include "server/operator_api/openapi.h"
#include "server/operator_api/operator_api.h"

#include <string.h>

#define REPORT_CAP       8192u
#define JSON_CAP         4096u
#define BULK_CAP         65536u
#define IMAGE_CAP        (UPDRAFT_IMAGE_LEN_CAP + UPDRAFT_SIGNATURE_SECTOR)
#define PACKAGE_CAP      (1024u * 1024u * 1024u)
#define CONFIG_CAP       16384u
#define FEEDBACK_CAP     65536u /* SWUpdate sends its log with it */
#define PATH_SEGMENT_CAP 10u

#define GET     UPDRAFT_METHOD_GET
#define POST    UPDRAFT_METHOD_POST
#define PUT     UPDRAFT_METHOD_PUT
#define DELETE  UPDRAFT_METHOD_DELETE
#define PATCH   UPDRAFT_METHOD_PATCH
#define NONE    UPDRAFT_BODY_NONE
#define TEXT    UPDRAFT_BODY_TEXT
#define OPEN    UPDRAFT_ROLE_NONE
#define VIEW    UPDRAFT_ROLE_VIEW
#define PUBLISH UPDRAFT_ROLE_PUBLISH
#define OPERATE UPDRAFT_ROLE_OPERATE
#define ADMIN   UPDRAFT_ROLE_ADMIN

#define DDI "d/ddi/*/controller/v1/*"

/* Columns: method, address, handler, body and its limit, role that the token must have, takes HEAD. */
static const struct updraft_route routes[] = {
    {GET, "d/channel/*/*/*", updraft_channel_answer, NONE, 0, OPEN, false},
    {GET, "d/esp-update/*", updraft_esp_update_answer, NONE, 0, OPEN, false},
    {GET, "d/ovms/*/*/*", updraft_ovms_answer, NONE, 0, OPEN, false},
    {GET, "d/image/*", updraft_image_answer, NONE, 0, OPEN, true},
    {GET, "d/manifest/*/*/*", updraft_manifest_answer, NONE, 0, OPEN, true},
    {GET, DDI, updraft_ddi_poll, NONE, 0, OPEN, false},
    {PUT, DDI "/configData", updraft_ddi_config_data, TEXT, CONFIG_CAP, OPEN, false},
    {GET, DDI "/deploymentBase/*", updraft_ddi_deployment, NONE, 0, OPEN, false},
    {POST, DDI "/deploymentBase/*/feedback", updraft_ddi_feedback, TEXT, FEEDBACK_CAP, OPEN, false},
    {GET, DDI "/cancelAction/*", updraft_ddi_cancel, NONE, 0, OPEN, false},
    {POST, DDI "/cancelAction/*/feedback", updraft_ddi_cancel_feedback, TEXT, FEEDBACK_CAP, OPEN,
     false},
    {GET, DDI "/artifacts/*", updraft_ddi_artifact, NONE, 0, OPEN, true},
    {POST, "d/check", updraft_check_answer, TEXT, REPORT_CAP, OPEN, false},
    {POST, "d/report", updraft_report_answer, TEXT, REPORT_CAP, OPEN, false},
    {GET, "healthz", updraft_health_show, NONE, 0, OPEN, true},
    {GET, "", updraft_dashboard_page, NONE, 0, OPEN, true},
    {GET, "assets/*", updraft_dashboard_asset, NONE, 0, OPEN, true},
    {GET, "api/v1/openapi.json", updraft_openapi_show, NONE, 0, OPEN, true},
    {GET, "metrics", updraft_metrics_show, NONE, 0, VIEW, false},
    {GET, "api/v1/overview", updraft_overview_show, NONE, 0, VIEW, false},
    {GET, "api/v1/events", updraft_events_follow, NONE, 0, VIEW, false},
    {GET, "api/v1/history", updraft_history_list, NONE, 0, VIEW, false},
    {GET, "api/v1/products", updraft_products_list, NONE, 0, VIEW, false},
    {GET, "api/v1/releases", updraft_releases_list, NONE, 0, VIEW, false},
    {POST, "api/v1/releases", updraft_releases_publish, UPDRAFT_BODY_IMAGE, IMAGE_CAP, PUBLISH,
     false},
    {POST, "api/v1/packages", updraft_releases_publish, UPDRAFT_BODY_PACKAGE, PACKAGE_CAP, PUBLISH,
     false},
    {DELETE, "api/v1/releases", updraft_releases_withdraw, NONE, 0, OPERATE, false},
    {PATCH, "api/v1/releases/*/*", updraft_releases_edit, TEXT, JSON_CAP, PUBLISH, false},
    {GET, "api/v1/channels", updraft_channels_list, NONE, 0, VIEW, false},
    {PUT, "api/v1/channels/*/*", updraft_channels_set, TEXT, JSON_CAP, OPERATE, false},
    {GET, "api/v1/rollouts", updraft_rollouts_list, NONE, 0, VIEW, false},
    {POST, "api/v1/rollouts", updraft_rollouts_start, TEXT, JSON_CAP, OPERATE, false},
    {POST, "api/v1/rollouts/preview", updraft_rollouts_preview, TEXT, JSON_CAP, VIEW, false},
    {GET, "api/v1/rollouts/*", updraft_rollouts_show, NONE, 0, VIEW, false},
    {POST, "api/v1/rollouts/*/pause", updraft_rollouts_pause, NONE, 0, OPERATE, false},
    {POST, "api/v1/rollouts/*/resume", updraft_rollouts_resume, NONE, 0, OPERATE, false},
    {POST, "api/v1/rollouts/*/abort", updraft_rollouts_abort, NONE, 0, OPERATE, false},
    {POST, "api/v1/rollouts/*/retry", updraft_rollouts_retry, NONE, 0, OPERATE, false},
    {GET, "api/v1/boards", updraft_boards_list, NONE, 0, VIEW, false},
    {PUT, "api/v1/boards/*/*", updraft_boards_set, TEXT, JSON_CAP, PUBLISH, false},
    {GET, "api/v1/devices", updraft_devices_list, NONE, 0, VIEW, false},
    {POST, "api/v1/devices/bulk", updraft_devices_bulk, TEXT, BULK_CAP, OPERATE, false},
    {GET, "api/v1/devices/*", updraft_devices_show, NONE, 0, VIEW, false},
    {PATCH, "api/v1/devices/*", updraft_devices_edit, TEXT, JSON_CAP, OPERATE, false},
    {GET, "api/v1/attempts", updraft_attempts_list, NONE, 0, VIEW, false},
    {GET, "api/v1/audit", updraft_audit_list, NONE, 0, ADMIN, false},
    {GET, "api/v1/webhooks", updraft_webhooks_list, NONE, 0, ADMIN, false},
    {POST, "api/v1/webhooks", updraft_webhooks_add, TEXT, JSON_CAP, ADMIN, false},
    {POST, "api/v1/webhooks/*/test", updraft_webhooks_test, NONE, 0, ADMIN, false},
    {DELETE, "api/v1/webhooks/*", updraft_webhooks_remove, NONE, 0, ADMIN, false},
    {GET, "api/v1/tokens", updraft_tokens_list, NONE, 0, ADMIN, false},
    {POST, "api/v1/tokens", updraft_tokens_add, TEXT, JSON_CAP, ADMIN, false},
    {DELETE, "api/v1/tokens/*", updraft_tokens_revoke, NONE, 0, ADMIN, false},
};

/* Gives the number of segments, or more than the cap. */
static size_t split(char *path, const char *segments[PATH_SEGMENT_CAP])
{
    size_t count = 0;

    if (path[0] != '/')
        return PATH_SEGMENT_CAP + 1;
    if (path[1] == '\0')
        return 0;
    while (*path == '/') {
        *path++ = '\0';
        if (count == PATH_SEGMENT_CAP)
            return PATH_SEGMENT_CAP + 1;
        segments[count++] = path;
        path += strcspn(path, "/");
    }
    return count;
}

static bool matches(const char *pattern, const char *const *segments, size_t count,
                    const char *stars[UPDRAFT_SEGMENT_CAP])
{
    size_t at = 0, star = 0;

    while (*pattern != '\0') {
        size_t len = strcspn(pattern, "/");
        if (at == count)
            return false;
        if (len == 1 && *pattern == '*') {
            if (segments[at][0] == '\0')
                return false;
            stars[star++] = segments[at];
        } else if (strlen(segments[at]) != len || memcmp(segments[at], pattern, len) != 0) {
            return false;
        }
        at++;
        pattern += len;
        pattern += *pattern == '/';
    }
    return at == count;
}

#define BIT(method) (1u << (method))

static unsigned methods_of(const struct updraft_route *route)
{
    return BIT(route->method) | (route->takes_head ? BIT(UPDRAFT_METHOD_HEAD) : 0);
}

/* NULL for none. */
static const char *allow_of(unsigned methods)
{
    static const struct {
        unsigned methods;
        const char *allow;
    } texts[] = {{BIT(GET), "GET"},
                 {BIT(GET) | BIT(UPDRAFT_METHOD_HEAD), "GET, HEAD"},
                 {BIT(GET) | BIT(POST), "GET, POST"},
                 {BIT(GET) | BIT(POST) | BIT(DELETE), "GET, POST, DELETE"},
                 {BIT(GET) | BIT(PATCH), "GET, PATCH"},
                 {BIT(POST), "POST"},
                 {BIT(PUT), "PUT"},
                 {BIT(DELETE), "DELETE"},
                 {BIT(PATCH), "PATCH"}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].methods == methods)
            return texts[i].allow;
    }
    UPDRAFT_ASSERT(methods == 0); /* else the table of routes has outgrown this one */
    return NULL;
}

const struct updraft_route *updraft_routes_find(char *path, struct updraft_request *request,
                                                const char **allow)
{
    const char *segments[PATH_SEGMENT_CAP];
    size_t count = split(path, segments);
    bool is_named =
        false; /* by a route without stars: what a star could stand for is another thing */
    unsigned taken = 0;

    for (size_t i = 0; i < sizeof routes / sizeof *routes && count <= PATH_SEGMENT_CAP; i++) {
        const struct updraft_route *route = &routes[i];
        const bool has_star = strchr(route->pattern, '*') != NULL;
        if ((is_named && has_star) || !matches(route->pattern, segments, count, request->segments))
            continue;
        is_named = !has_star;
        if (route->method == request->method ||
            (route->takes_head && request->method == UPDRAFT_METHOD_HEAD)) {
            *allow = NULL;
            return route;
        }
        taken |= methods_of(route);
    }
    *allow = allow_of(taken);
    return NULL;
}

const struct updraft_route *updraft_routes_all(size_t *count)
{
    *count = sizeof routes / sizeof *routes;
    return routes;
}
