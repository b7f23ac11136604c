#include "tests/powercut/life.h"

#include "format/chip.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Small slots and small erase blocks: every kind of operation at a fraction of the time. */
#define SLOT_LEN  0x10000u
#define BLOCK_LEN 0x2000u
#define PIECE_LEN 1460u

#define RESTART_CAP   16
#define LAST_BOOT_CAP 4 /* boots that must agree once the update has ended */

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void tell(const struct life *life, const char *format, ...)
{
    va_list arguments;

    if (life->log == NULL)
        return;
    va_start(arguments, format);
    vfprintf(life->log, format, arguments);
    va_end(arguments);
}

static const char *error_name(enum updraft_error error)
{
    return updraft_error_entry(error)->name;
}

/* Compared byte by byte with what was sent: stronger than verifying the image, and cheaper. */
static int image_in(const struct life *life, int slot)
{
    struct updraft_extent extent = updraft_layout_extent(&life->rig.slots.layout, slot);

    for (int i = 0; extent.len != 0 && i < life->image_count; i++) {
        const struct rig_image *image = &life->images[i].image;

        if (memcmp(life->rig.nor.bytes + extent.addr, image->bytes, image->len) == 0)
            return i;
    }
    return LIFE_NO_IMAGE;
}

static const char *version_of(const struct life *life, int image)
{
    return image == LIFE_NO_IMAGE ? "no image" : life->images[image].version;
}

static bool boot(struct life *life, enum updraft_reset_cause cause)
{
    static const char *const causes[] = {"power-on", "crash", "restart"};
    struct rig *rig = &life->rig;

    if (!rig_boot(rig, cause)) {
        tell(life, "%s: nothing boots\n", causes[cause]);
        return false;
    }
    tell(life, "%s: %s boots, %s: %s%s\n", causes[cause], updraft_slot_name(rig->booted.slot),
         version_of(life, image_in(life, rig->booted.slot)), updraft_boot_why_text(rig->booted.why),
         rig->nor.is_off ? "; the power fails" : "");
    return true;
}

static enum updraft_error confirm(struct life *life)
{
    enum updraft_error error = updraft_slots_confirm(&life->rig.slots);

    tell(life, "confirm: %s\n", error_name(error));
    return error;
}

static enum updraft_error update(struct life *life, const struct life_wire *wire)
{
    struct updraft_update_request request = {
        .wire_len = wire->len, .identity = wire->identity, .resumes = true};
    uint32_t resumed_from = life->resumes_from;
    enum updraft_error error =
        rig_send(&life->rig, &request, wire->bytes, PIECE_LEN, &resumed_from);

    tell(life, "update from byte %u: %s\n", (unsigned)resumed_from, error_name(error));
    life->went_back = life->went_back || resumed_from < life->resumes_from;
    life->resumes_from = 0;
    if (error == UPDRAFT_E_NO_SLOT) {
        error = updraft_slots_select(&life->rig.slots, UPDRAFT_SLOT_FACTORY, 0);
        tell(life, "back to factory: %s\n", error_name(error));
    }
    return error;
}

static int add_image(struct life *life, const char *version, uint32_t len)
{
    struct life_image *image = &life->images[life->image_count];

    image->version = version;
    rig_image_make(&image->image, UPDRAFT_CHIP_ESP32, version, len);
    return life->image_count++;
}

static int running(const struct life *life)
{
    return image_in(life, life->rig.booted.slot);
}

/* The device takes an image without a mishap. */
static void update_before(struct life *life, int image)
{
    while (running(life) != image) {
        struct life_wire wire = {.bytes = life->images[image].image.bytes,
                                 .len = life->images[image].image.len};

        require(update(life, &wire) == UPDRAFT_OK);
        require(boot(life, UPDRAFT_RESET_SOFTWARE));
    }
    require(confirm(life) == UPDRAFT_OK);
}

/* Every other OTA slot holds old rubbish. */
static void fill_slots(struct life *life, const struct rig_image *app)
{
    struct rig *rig = &life->rig;
    uint32_t app_addr;

    require(boot(life, UPDRAFT_RESET_POWER_ON));
    app_addr = rig->booted.addr;
    for (int slot = 0; slot < UPDRAFT_SLOT_CAP; slot++) {
        struct updraft_extent extent = updraft_layout_extent(&rig->slots.layout, slot);

        if (extent.len != 0 && extent.addr != app_addr)
            memset(rig->nor.bytes + extent.addr, 0x5A, extent.len);
    }
    require(memcmp(rig->nor.bytes + app_addr, app->bytes, app->len) == 0);
}

static void find_target(struct life *life)
{
    const struct updraft_slots *slots = &life->rig.slots;
    int slot = 0;

    /* Without a next slot the only one is left, and taken, from factory. */
    if (updraft_slots_next(slots, &slot) != UPDRAFT_OK)
        slot = slots->running;
    life->target = updraft_layout_extent(&slots->layout, slot);
    require(life->target.len != 0);
}

static void fill_target(struct life *life)
{
    uint8_t *target = life->rig.nor.bytes + life->target.addr;
    const struct rig_image *image = &life->images[life->new_image].image;

    if (life->spec.target == LIFE_TARGET_OLD)
        return;
    require(life->target.addr != life->rig.booted.addr);
    memset(target, 0xFF, life->target.len);
    if (life->spec.target == LIFE_TARGET_SIMILAR) {
        memcpy(target, image->bytes, image->len);
        memset(target + image->len / 2, 0x5A, 1000);
    }
}

static void make_wire(struct life *life, struct life_wire *wire, int image)
{
    wire->bytes = life->images[image].image.bytes;
    wire->len = life->images[image].image.len;
    memset(wire->identity, image + 1, sizeof wire->identity);
    if (life->spec.gzip)
        wire->bytes = wire->gzip = rig_gzip(wire->bytes, wire->len, &wire->len);
}

void life_make(struct life *life, const struct life_spec *spec)
{
    static const char *const versions[] = {"0.8.0", "0.9.0", "1.0.0"};
    struct rig *rig = &life->rig;

    memset(life, 0, sizeof *life);
    life->spec = *spec;
    for (int i = 0; i <= spec->updates_before; i++)
        add_image(life, versions[i], spec->image_len);
    life->new_image = add_image(life, "1.1.0", spec->image_len + 0x1234u);
    life->other_image = LIFE_NO_IMAGE;
    if (spec->changes_its_mind)
        life->other_image = add_image(life, "1.2.0", spec->image_len + 0x1234u);
    rig_make(rig, spec->layout, SLOT_LEN, &life->images[0].image);
    rig->nor.flash.block_len = BLOCK_LEN;
    fill_slots(life, &life->images[0].image);
    for (int i = 1; i <= spec->updates_before; i++)
        update_before(life, i);
    find_target(life);
    fill_target(life);
    life->survivor = life->new_image;
    if (spec->crashes) /* a device with one OTA slot falls back to what it came with */
        life->survivor = spec->layout == RIG_FACTORY_ONE ? 0 : spec->updates_before;
    make_wire(life, &life->wires[0], life->new_image);
    if (spec->changes_its_mind)
        make_wire(life, &life->wires[1], life->other_image);
    life_save(life, &life->fresh);
}

void life_free(struct life *life)
{
    life_snapshot_free(&life->fresh);
    for (int i = 0; i < life->image_count; i++)
        rig_image_free(&life->images[i].image);
    for (int i = 0; i < 2; i++)
        free(life->wires[i].gzip);
    rig_free(&life->rig);
}

void life_save(const struct life *life, struct life_snapshot *snapshot)
{
    const struct updraft_nor *nor = &life->rig.nor;

    *snapshot = (struct life_snapshot){.switched = life->switched, .was_cut = life->was_cut};
    snapshot->bytes = malloc(nor->flash.size);
    require(snapshot->bytes != NULL);
    memcpy(snapshot->bytes, nor->bytes, nor->flash.size);
    if (nor->unstable != NULL) {
        snapshot->unstable = malloc(nor->flash.size);
        require(snapshot->unstable != NULL);
        memcpy(snapshot->unstable, nor->unstable, nor->flash.size);
    }
}

void life_restore(struct life *life, const struct life_snapshot *snapshot)
{
    struct updraft_nor *nor = &life->rig.nor;

    memcpy(nor->bytes, snapshot->bytes, nor->flash.size);
    free(nor->unstable);
    nor->unstable = NULL;
    if (snapshot->unstable != NULL) {
        nor->unstable = malloc(nor->flash.size);
        require(nor->unstable != NULL);
        memcpy(nor->unstable, snapshot->unstable, nor->flash.size);
    }
    nor->violation[0] = '\0';
    life->unstable = snapshot->unstable != NULL;
    life->switched = snapshot->switched;
    life->was_cut = snapshot->was_cut;
    life->resumes_from = 0;
    life->went_back = false;
}

void life_snapshot_free(struct life_snapshot *snapshot)
{
    free(snapshot->bytes);
    free(snapshot->unstable);
    *snapshot = (struct life_snapshot){0};
}

static bool is_new(const struct life *life, int image)
{
    return image == life->new_image || (image == life->other_image && image != LIFE_NO_IMAGE);
}

static void live(struct life *life)
{
    const struct life_wire *wire =
        &life->wires[life->was_cut && life->other_image != LIFE_NO_IMAGE];
    struct rig *rig = &life->rig;
    enum updraft_reset_cause cause = UPDRAFT_RESET_POWER_ON;

    for (int restarts = 0; restarts < RESTART_CAP && !rig->nor.is_off; restarts++) {
        bool runs_new;
        enum updraft_error error;

        if (!boot(life, cause))
            return;
        runs_new = is_new(life, running(life));
        life->switched = life->switched || runs_new;
        cause = UPDRAFT_RESET_CRASH;
        if (runs_new && life->spec.crashes)
            continue;
        if (rig->booted.on_trial && confirm(life) != UPDRAFT_OK)
            return;
        if (runs_new)
            return;
        error = update(life, wire);
        if (error == UPDRAFT_E_FAILED_BEFORE || (error != UPDRAFT_OK && !life->unstable))
            return;
        cause = UPDRAFT_RESET_SOFTWARE;
    }
}

uint64_t life_run(struct life *life, const struct life_cut *cut)
{
    struct updraft_nor *nor = &life->rig.nor;

    if (cut->at != 0) /* from its own seed, so that a case can be run again alone; not 0 */
        nor->random = ((cut->seed + 1u) * 0x9E3779B1u ^ (uint32_t)cut->at * 0x85EBCA6Bu) | 1u;
    nor->options.unstable_bits = cut->unstable_bits;
    updraft_nor_power_on(nor, cut->at, cut->kind);
    live(life);
    if (nor->is_off)
        tell(life, "the power was cut during operation %llu\n", (unsigned long long)cut->at);
    life->unstable = nor->unstable != NULL;
    life->was_cut = life->was_cut || nor->is_off;
    return nor->counts.operations;
}

/* Read from the flash itself before any boot code touches it. */
static const char *check_record(struct life *life)
{
    struct rig *rig = &life->rig;
    struct updraft_boot_situation situation = {.cause = UPDRAFT_RESET_POWER_ON};
    struct updraft_boot_decision decision = {0};
    int image;

    if (updraft_slots_open(&rig->slots, &rig->nor.flash, UPDRAFT_PTABLE_DEFAULT_OFF, 0) !=
            UPDRAFT_OK ||
        updraft_slots_entries(&rig->slots, situation.entries) != UPDRAFT_OK)
        return "the partition table or the boot record cannot be read";
    situation.layout = rig->slots.layout;
    updraft_boot_rules_updraft.decide(&situation, &decision);
    image = image_in(life, decision.start);
    tell(life, "the boot record names %s, %s\n", updraft_slot_name(decision.start),
         version_of(life, image));
    if (image == LIFE_NO_IMAGE)
        return "the boot record names an incomplete image";
    if (life->switched && !life->spec.crashes && !is_new(life, image))
        return "the new image is lost after it has started";
    if (life->spec.updates_before > 0 && life->spec.layout != RIG_FACTORY_ONE && decision.entry < 0)
        return "the boot record is lost";
    return NULL;
}

/* Where the last record in flash lets the update go on, whoever wrote it: the device must not start
 * before that. */
static uint32_t noted_progress(struct life *life)
{
    struct rig *rig = &life->rig;
    struct updraft_slots_log log;
    struct updraft_progress last;
    uint32_t free_off;

    /* As far as is known without booting: from which slot the update came. */
    require(updraft_slots_find_log(&rig->slots, &log) == UPDRAFT_OK);
    require(updraft_cursor_read_log(&rig->nor.flash, log.addr, &last, &free_off) == UPDRAFT_OK);
    /* Where an erase was cut, what is left of its sector may say to distrust anything. */
    if (log.distrust != 0xFFFFFFFFu || last.check == 0 || last.from <= life->target.addr ||
        last.from >= life->target.addr + life->target.len || life->spec.gzip ||
        life->other_image != LIFE_NO_IMAGE)
        return 0;
    return last.from - life->target.addr;
}

static bool is_same(const struct life *life, uint32_t from, uint32_t to)
{
    return memcmp(life->rig.nor.bytes + from, life->fresh.bytes + from, to - from) == 0;
}

/* Nothing but the target slot and the boot record has changed. */
static bool is_rest_untouched(const struct life *life)
{
    const struct updraft_extent *record = &life->rig.slots.layout.otadata;

    return is_same(life, 0, record->addr) &&
           is_same(life, record->addr + record->len, life->target.addr) &&
           is_same(life, life->target.addr + life->target.len, life->rig.nor.flash.size);
}

static bool has_unstable_bits(const struct life *life, uint32_t addr, uint32_t len)
{
    const uint8_t *unstable = life->rig.nor.unstable;

    for (uint32_t i = 0; unstable != NULL && i < len; i++) {
        if (unstable[addr + i] != 0)
            return true;
    }
    return false;
}

/* The update has ended: every further boot finds the same. */
static const char *check_end(struct life *life)
{
    struct rig *rig = &life->rig;

    for (int i = 0; i < (life->unstable ? LAST_BOOT_CAP : 1); i++) {
        if (!boot(life, UPDRAFT_RESET_POWER_ON) ||
            (running(life) != life->survivor &&
             (life->other_image == LIFE_NO_IMAGE || running(life) != life->other_image)))
            return i == 0 ? "the update does not end" : "the end of the update does not last";
        /* A confirmation that is read by chance is seen sooner or later, and given again. */
        if (rig->booted.on_trial && (!life->unstable || confirm(life) != UPDRAFT_OK))
            return "the confirmation is lost";
    }
    if (!is_rest_untouched(life))
        return "something else than the target slot and the boot record was written";
    if (has_unstable_bits(life, rig->booted.addr, life->images[running(life)].image.len))
        return "the image that runs holds unstable bits";
    return NULL;
}

const char *life_check(struct life *life)
{
    static const struct life_cut never = {0};
    struct updraft_nor *nor = &life->rig.nor;
    const char *failure = NULL;

    updraft_nor_power_on(nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    /* While cells read by chance the record says one thing and then another. */
    if (!life->unstable)
        failure = check_record(life);
    if (failure == NULL && !boot(life, UPDRAFT_RESET_POWER_ON))
        failure = "nothing boots";
    if (failure == NULL && running(life) == LIFE_NO_IMAGE)
        failure = "an unknown image boots";
    if (failure == NULL) {
        if (!life->unstable && running(life) != life->new_image)
            life->resumes_from = noted_progress(life);
        life_run(life, &never);
        failure = life->went_back ? "the update does not go on where it was" : check_end(life);
    }
    return failure == NULL && nor->violation[0] != '\0' ? nor->violation : failure;
}
