/* The place of a device in a rollout: a number that is always the same for the two of them, and as good as
 * drawn by lot. A stage takes the devices whose place is below its bound, so that a later stage holds the
 * one before it, and a device never drops out of one. Pure.
 *
 * It depends on the rollout, so that it is not always the same devices that go first. The numbers
 * behind it are part of the rule: stored bounds mean nothing without them. */
#ifndef UPDRAFT_SERVER_DECIDE_PLACE_H
#define UPDRAFT_SERVER_DECIDE_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* A bound that takes all: one more than the greatest place. */
#define UPDRAFT_PLACE_ALL ((int64_t)UINT32_MAX + 1)

uint32_t updraft_place_of(int64_t rollout_id, const char *device);

/* The bound below which `size` of these places lie. Sorts them. All of them or more: PLACE_ALL. */
int64_t updraft_place_bound(uint32_t *places, size_t count, size_t size);

#endif
