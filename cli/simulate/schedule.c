#include "cli/simulate/schedule.h"

static bool before(const struct updraft_sim_device *a, const struct updraft_sim_device *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->number < b->number;
}

void updraft_sim_schedule_put(struct updraft_sim_schedule *schedule,
                              struct updraft_sim_device *device)
{
    struct updraft_sim_device **heap = schedule->heap;
    size_t at = schedule->count++;

    for (; at > 0 && before(device, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = device;
}

uint64_t updraft_sim_schedule_due_ms(const struct updraft_sim_schedule *schedule)
{
    return schedule->count ? schedule->heap[0]->due_ms : UINT64_MAX;
}

struct updraft_sim_device *updraft_sim_schedule_take(struct updraft_sim_schedule *schedule)
{
    struct updraft_sim_device **heap = schedule->heap;

    if (schedule->count == 0)
        return NULL;
    struct updraft_sim_device *first = heap[0], *last = heap[--schedule->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= schedule->count)
            break;
        if (child + 1 < schedule->count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}
