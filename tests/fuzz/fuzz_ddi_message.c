/* What devices send by hawkBit's interface: whatever comes, what is kept is fit to be shown. */
#include "server/device_api/ddi_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct updraft_ddi_feedback feedback;
    struct updraft_ddi_config config;
    char *body = malloc(len + 1); /* exactly: what lies behind it is not to be read */

    memcpy(body, data, len);
    body[len] = '\0';
    if (updraft_ddi_feedback_read(body, len, &feedback) == NULL &&
        (feedback.progress < UPDRAFT_NO_PROGRESS || feedback.progress > 100 ||
         feedback.id < UPDRAFT_DDI_NO_ID ||
         !updraft_label_valid(feedback.details, sizeof feedback.details)))
        abort();
    if (updraft_ddi_config_read(body, len, &config) == NULL &&
        ((config.version[0] != '\0' && !updraft_version_valid(config.version)) ||
         !updraft_label_valid(config.name, sizeof config.name)))
        abort();
    free(body);
    return 0;
}
