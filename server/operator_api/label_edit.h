/* What an operator wants changed of what is said of a device: read from JSON once, applied to one device or
 * to many.
 *
 *   {"name":"...", "group":"...", "channel":"...", "tags":[...], "add_tags":[...], "remove_tags":[...],
 *    "attributes":{"site":"hall 3", "old":null}, "retry":true}
 *
 * Each may be left out. null and "" take a text away; attributes that are not named stay.
 *
 * Pure. The edit points into the JSON, and is good as long as that. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_LABEL_EDIT_H
#define UPDRAFT_SERVER_OPERATOR_API_LABEL_EDIT_H

#include "server/fleet/model.h"

#include <cjson/cJSON.h>

struct updraft_label_edit {
    const char *name; /* NULL: stays */
    const char *group;
    const char *channel;
    const cJSON *tags; /* NULL: they stay */
    const cJSON *add_tags;
    const cJSON *remove_tags;
    const cJSON *attributes;
    bool retry;
};

/* NULL, or what is wrong. Members of json that are none of an edit's are refused unless they stand in also,
 * which ends with NULL. */
const char *updraft_label_edit_read(const cJSON *json, const char *const *also,
                                    struct updraft_label_edit *edit);

/* NULL, or why the result cannot be kept; *row is undefined then. */
const char *updraft_label_edit_apply(const struct updraft_label_edit *edit, int64_t now_ms,
                                     struct updraft_labels_row *row);

#endif
