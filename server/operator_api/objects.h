/* The objects of the REST interface as JSON, each written in one place. key NULL: element of an array. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_OBJECTS_H
#define UPDRAFT_SERVER_OPERATOR_API_OBJECTS_H

#include "server/operator_api/page.h"

void updraft_object_product(struct updraft_json *json, const struct updraft_product *product);
void updraft_object_image(struct updraft_json *json, const char *key,
                          const struct updraft_image_row *image);
void updraft_object_release(struct updraft_json *json, const char *key,
                            const struct updraft_fleet *fleet,
                            const struct updraft_release *release);
void updraft_object_channel(struct updraft_json *json, const char *key,
                            const struct updraft_channel *channel);
void updraft_object_board(struct updraft_json *json, const char *key,
                          const struct updraft_product *product,
                          const struct updraft_board_row *board);
void updraft_object_device(struct updraft_json *json, const char *key,
                           const struct updraft_fleet *fleet, const struct updraft_device *device);
/* with_log: also what the image printed last, up to 1 KB; too much for lists of devices. */
void updraft_object_attempt(struct updraft_json *json, const char *key,
                            const struct updraft_attempt *attempt, bool with_log);

/* "key":[...] of all of a kind; the newest first for releases and attempts. */
void updraft_objects_products(struct updraft_json *json, const struct updraft_fleet *fleet);
void updraft_objects_releases(struct updraft_json *json, const struct updraft_fleet *fleet);
void updraft_objects_channels(struct updraft_json *json, const struct updraft_fleet *fleet);
/* In order of arrival, those after the page's cursor; gives the next one. */
int64_t updraft_objects_devices(struct updraft_json *json, const struct updraft_fleet *fleet,
                                const struct updraft_page *page);
/* "summary":{...}: how many devices there are, in each state, and with a confirmed image. */
void updraft_objects_summary(struct updraft_json *json, const struct updraft_fleet *fleet);
/* device NULL: of all devices. Those before the page's cursor; gives the next one. */
int64_t updraft_objects_attempts(struct updraft_json *json, const struct updraft_fleet *fleet,
                                 const struct updraft_device *device,
                                 const struct updraft_page *page);

#endif
