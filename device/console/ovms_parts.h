/* Private to the console: what its parts call of each other. */
#ifndef UPDRAFT_DEVICE_CONSOLE_OVMS_PARTS_H
#define UPDRAFT_DEVICE_CONSOLE_OVMS_PARTS_H

#include "device/console/ovms.h"
#include "format/text.h"

/* ovms.c: what a session hears (-1: nobody does; text that finds no room is cut), and the one job. */
void updraft_ovms_put(struct updraft_ovms *ovms, int session, const char *text);
void updraft_ovms_put_number(struct updraft_ovms *ovms, int session, uint32_t number);
/* "Error: ESP32 error #<n><what>", then our own sentence. */
void updraft_ovms_put_failure(struct updraft_ovms *ovms, int session,
                              const struct updraft_failure *failure, const char *what);
/* The number of ESP-IDF that stands for an error of ours where the stock firmware prints one. */
uint32_t updraft_ovms_esp_error(enum updraft_error code);
bool updraft_ovms_is_busy(const struct updraft_ovms *ovms);
bool updraft_ovms_refuse_when_busy(struct updraft_ovms *ovms, int session);
void updraft_ovms_begin_job(struct updraft_ovms *ovms, int session, enum updraft_ovms_job job);
/* The session that started it gets its prompt back. */
void updraft_ovms_end_job(struct updraft_ovms *ovms);

/* ovms_status.c */
void updraft_ovms_do_status(struct updraft_ovms *ovms, int session, bool with_check);
void updraft_ovms_show_status(struct updraft_ovms *ovms, int session);

/* ovms_slots.c. slot_of: of "factory", "ota_0", "ota_1"; NONE for anything else. */
int updraft_ovms_slot_of(const char *word);
void updraft_ovms_do_boot(struct updraft_ovms *ovms, int session, const char *word);
void updraft_ovms_do_erase(struct updraft_ovms *ovms, int session, const char *word);
void updraft_ovms_do_copy(struct updraft_ovms *ovms, int session, const char *from, const char *to);
void updraft_ovms_step_writing(struct updraft_ovms *ovms);

/* ovms_flash.c: the jobs that read a source. url "": the server's. job: CHECK or AUTO_CHECK. */
void updraft_ovms_flash_file(struct updraft_ovms *ovms, int session, const char *path);
void updraft_ovms_flash_http(struct updraft_ovms *ovms, int session, const char *url);
void updraft_ovms_fetch_version(struct updraft_ovms *ovms, int session, enum updraft_ovms_job job);
void updraft_ovms_check_clock(struct updraft_ovms *ovms, const struct updraft_ovms_clock *clock);

#endif
