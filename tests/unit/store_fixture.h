/* A store of either kind for tests, the changes that go into it, and the fleet that comes back.
 * store_on_sqlite.c and store_on_postgres.c each give the places. */
#ifndef UPDRAFT_TESTS_STORE_FIXTURE_H
#define UPDRAFT_TESTS_STORE_FIXTURE_H

#include "server/fleet/fleet.h"
#include "server/store/store.h"

struct place {
    char dir[64];
    char path[300]; /* file or address */
    struct updraft_store store;
    struct updraft_store_problem problem;
};

/* For cmocka: an open, empty store in *state. */
int place_set_up(void **state);
int place_tear_down(void **state);
enum updraft_store_result place_open(struct place *place);
void place_close(struct place *place);
void place_reopen(struct place *place);
/* Behind the store's back. */
void place_run_sql(struct place *place, const char *sql);
/* 32 zeros, as this database writes them. */
extern const char place_zeros[];
/* How it says that a row would belong to nothing. */
extern const char place_no_parent[];

void store_load(struct place *place, struct updraft_fleet *fleet);
char *store_show(const struct updraft_fleet *fleet);
struct updraft_change change_product(int64_t id, const char *name);
struct updraft_change change_release(int64_t id, int64_t product_id, const char *version);
struct updraft_change change_image(int64_t release_id, uint16_t chip);
struct updraft_change change_channel(int64_t product_id, const char *name, int64_t release_id);
struct updraft_change change_device(unsigned number, const char *version);
struct updraft_change change_attempt(int64_t id, unsigned device_number,
                                     enum updraft_attempt_state state);
void store_begin(struct place *place);
void store_commit(struct place *place, struct updraft_fleet *fleet, struct updraft_change change);
void store_make_catalogue(struct place *place, struct updraft_fleet *fleet);
void store_assert_same(struct place *place, const struct updraft_fleet *fleet);
struct updraft_change change_log(int64_t attempt_id, const char *text);

#endif
