/* How an upload over HTTP is answered: the words of the server that a client was made for.
 *
 * No state, no memory of its own, nothing in flash. */
#ifndef UPDRAFT_DEVICE_PUSH_WEB_ANSWER_H
#define UPDRAFT_DEVICE_PUSH_WEB_ANSWER_H

#include "device/push/web.h"

enum updraft_web_words {
    UPDRAFT_WEB_WORDS_JSON,    /* ours */
    UPDRAFT_WEB_WORDS_FORM,    /* ESP8266HTTPUpdateServer: 200 also for a failure */
    UPDRAFT_WEB_WORDS_ELEGANT, /* ElegantOTA: OK, or 400 */
    UPDRAFT_WEB_WORDS_EVSE,    /* esp32-evse: 521, 522, 523 */
};

/* An empty body, or one of a fixed text. */
void updraft_web_answer_text(struct updraft_web_response *response, uint16_t status,
                             const char *content_type, const char *text);
void updraft_web_answer_failure(struct updraft_web_response *response, enum updraft_web_words words,
                                const struct updraft_failure *failure);
/* 401; the challenge is the caller's. */
void updraft_web_answer_unauthorised(struct updraft_web_response *response,
                                     enum updraft_web_words words);
void updraft_web_answer_success(struct updraft_web_response *response, enum updraft_web_words words,
                                const struct updraft_update *update);
/* ElegantOTA 2's {"id": ..., "hardware": ...}. */
void updraft_web_answer_identity(struct updraft_web_response *response, const char *id,
                                 const char *hardware);
/* How much of an image is there. */
void updraft_web_answer_offset(struct updraft_web_response *response, uint32_t off);

#endif
