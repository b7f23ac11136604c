/* The protocols that devices speak, one file each. All of them are handlers of exchange.h. */
#ifndef UPDRAFT_SERVER_DEVICE_API_DEVICE_API_H
#define UPDRAFT_SERVER_DEVICE_API_DEVICE_API_H

#include "server/exchange.h"

/* GET /d/channel/PRODUCT/CHANNEL/CHIP.json: the channel descriptor of esp32-evse. Our own devices say
 * in x-updraft-device, -version and -name who asks. */
void updraft_channel_answer(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);

/* GET /d/esp-update/PRODUCT: the version-header protocol of ESP8266httpUpdate and HTTPUpdate. */
void updraft_esp_update_answer(const struct updraft_view *view,
                               const struct updraft_request *request, struct updraft_plan *plan,
                               struct updraft_response *response);

/* GET /d/ovms/PRODUCT/TAG/ovms3.ver and ovms3.bin: the update server of OVMS v3. */
void updraft_ovms_answer(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response);

/* GET /d/image/SHA256, with ranges. */
void updraft_image_answer(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

/* POST /d/report: what our own devices say of themselves. */
void updraft_report_answer(const struct updraft_view *view, const struct updraft_request *request,
                           struct updraft_plan *plan, struct updraft_response *response);

/* POST /d/check: our own check-in. */
void updraft_check_answer(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

/* GET /d/manifest/PRODUCT/CHANNEL/manifest.json, CHIP.bin and CHIP.md5: the update manifest of ESPHome
 * and ESP Web Tools, and what ESPHome's http_request loads by address. */
void updraft_manifest_answer(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response);

/* Below /d/ddi/TENANT/controller/v1/ID: the direct device integration of hawkBit, for SWUpdate and
 * RAUC. The tenant is PRODUCT or PRODUCT@CHANNEL. */
void updraft_ddi_poll(const struct updraft_view *view, const struct updraft_request *request,
                      struct updraft_plan *plan, struct updraft_response *response);
void updraft_ddi_config_data(const struct updraft_view *view, const struct updraft_request *request,
                             struct updraft_plan *plan, struct updraft_response *response);
void updraft_ddi_deployment(const struct updraft_view *view, const struct updraft_request *request,
                            struct updraft_plan *plan, struct updraft_response *response);
void updraft_ddi_feedback(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);
void updraft_ddi_cancel(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response);
void updraft_ddi_cancel_feedback(const struct updraft_view *view,
                                 const struct updraft_request *request, struct updraft_plan *plan,
                                 struct updraft_response *response);
void updraft_ddi_artifact(const struct updraft_view *view, const struct updraft_request *request,
                          struct updraft_plan *plan, struct updraft_response *response);

#define UPDRAFT_BASE_URL_CAP 320u
/* The server's own address as this client reaches it, without a slash at its end. False when neither
 * the configuration nor the request's Host gives it. */
bool updraft_device_api_base(const struct updraft_view *view, const struct updraft_request *request,
                             char *base, size_t cap);
/* Of /d/image/SHA256 there; false also when it does not fit. */
bool updraft_device_api_image_url(const struct updraft_view *view,
                                  const struct updraft_request *request, const uint8_t *sha256,
                                  char *url, size_t cap);

/* The name a device gives itself in x-updraft-name, NULL when absent or not fit to be shown. */
const char *updraft_device_api_name(const struct updraft_request *request);
/* Likewise its board and its flash layout, in x-updraft-board and x-updraft-layout. */
const char *updraft_device_api_board(const struct updraft_request *request);
const char *updraft_device_api_layout(const struct updraft_request *request);

#endif
