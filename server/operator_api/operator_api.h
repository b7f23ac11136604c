/* What operators see and do: the REST interface under /api/v1, in JSON. All of them are handlers of
 * exchange.h; the token and its role have been checked before (routes.c has the roles). */
#ifndef UPDRAFT_SERVER_OPERATOR_API_OPERATOR_API_H
#define UPDRAFT_SERVER_OPERATOR_API_OPERATOR_API_H

#include "server/exchange.h"

/* DELETE /api/v1/releases?product=&version= */
void updraft_releases_withdraw(const struct updraft_view *view,
                               const struct updraft_request *request, struct updraft_plan *plan,
                               struct updraft_response *response);
/* POST /api/v1/releases?channel=&product=&notes=&version=&chip=&board=&security=&cve=&min_from= with an
 * image as body. */
void updraft_releases_publish(const struct updraft_view *view,
                              const struct updraft_request *request, struct updraft_plan *plan,
                              struct updraft_response *response);
/* GET /api/v1/releases and /api/v1/products */
void updraft_releases_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_products_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);

/* PATCH /api/v1/releases/PRODUCT/VERSION */
void updraft_releases_edit(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);

/* GET /api/v1/boards, PUT /api/v1/boards/PRODUCT/NAME */
void updraft_boards_list(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response);
void updraft_boards_set(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response);

/* GET /api/v1/channels, PUT /api/v1/channels/PRODUCT/NAME */
void updraft_channels_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_channels_set(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

/* GET /api/v1/devices, /api/v1/devices/ID, /api/v1/attempts?device=&limit= */
void updraft_devices_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);
void updraft_devices_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);
/* PATCH /api/v1/devices/ID, POST /api/v1/devices/bulk */
void updraft_devices_edit(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);
void updraft_devices_bulk(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);
void updraft_attempts_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);

/* GET and POST /api/v1/rollouts, POST /api/v1/rollouts/preview */
void updraft_rollouts_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_rollouts_start(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);
void updraft_rollouts_preview(const struct updraft_view *view,
                              const struct updraft_request *request, struct updraft_plan *plan,
                              struct updraft_response *response);
/* GET /api/v1/rollouts/ID, POST .../pause, .../resume, .../abort, .../retry */
void updraft_rollouts_show(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_rollouts_pause(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);
void updraft_rollouts_resume(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response);
void updraft_rollouts_abort(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);
void updraft_rollouts_retry(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);
/* What a channel cannot be moved for meanwhile: false after a refusal. channel may be NULL. */
bool updraft_rollouts_let_move(const struct updraft_channel *channel,
                               struct updraft_response *response);

/* GET /api/v1/audit?limit=&before= */
void updraft_audit_list(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response);

/* GET and POST /api/v1/tokens, DELETE /api/v1/tokens/NAME */
void updraft_tokens_list(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response);
void updraft_tokens_add(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response);
void updraft_tokens_revoke(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);

/* GET /metrics */
void updraft_metrics_show(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

/* GET and POST /api/v1/webhooks, POST /api/v1/webhooks/NAME/test, DELETE /api/v1/webhooks/NAME */
void updraft_webhooks_list(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_webhooks_add(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);
void updraft_webhooks_test(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_webhooks_remove(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response);

/* GET /api/v1/history?product= */
void updraft_history_list(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

/* GET /api/v1/events */
void updraft_events_follow(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);

/* GET /api/v1/overview, GET /healthz */
void updraft_overview_show(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);
void updraft_health_show(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response);

#endif
