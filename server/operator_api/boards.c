/* GET /api/v1/boards and PUT /api/v1/boards/PRODUCT/NAME: the hardware of a product. */
#include "server/operator_api/operator_api.h"

#include "format/chip.h"
#include "server/operator_api/objects.h"

#include <cjson/cJSON.h>
#include <string.h>

static void show(const struct updraft_view *view, const struct updraft_request *request,
                 struct updraft_response *response)
{
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, request->segments[0]);
    struct updraft_json json;

    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_object_board(&json, "board", product,
                         updraft_product_find_board(product, request->segments[1]));
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

void updraft_boards_list(const struct updraft_view *view, const struct updraft_request *request,
                         struct updraft_plan *plan, struct updraft_response *response)
{
    const struct updraft_fleet *fleet = view->fleet;
    struct updraft_json json;

    (void)request;
    (void)plan;
    updraft_json_init(&json);
    updraft_json_open(&json, NULL, '{');
    updraft_json_open(&json, "boards", '[');
    for (size_t i = 0; i < fleet->product_count; i++) {
        const struct updraft_product *product = fleet->products[i];
        for (size_t k = 0; k < product->board_count; k++)
            updraft_object_board(&json, NULL, product, &product->boards[k]);
    }
    updraft_json_close(&json, ']');
    updraft_json_close(&json, '}');
    updraft_response_json(response, 200, &json);
}

/* NULL, or what is wrong. Members that are not there stay as they are. */
static const char *read_board(const struct updraft_request *request, struct updraft_board_row *row)
{
    cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);
    const cJSON *chip = cJSON_GetObjectItemCaseSensitive(json, "chip");
    const cJSON *layout = cJSON_GetObjectItemCaseSensitive(json, "layout");
    const char *wrong = NULL;

    if (!cJSON_IsObject(json))
        wrong = "the body is not a JSON object";
    else if (chip != NULL &&
             (!cJSON_IsString(chip) || updraft_chip_by_name(chip->valuestring) == NULL))
        wrong = "chip is none that is known";
    else if (layout != NULL && (!cJSON_IsString(layout) ||
                                !updraft_label_valid(layout->valuestring, UPDRAFT_LABEL_CAP)))
        wrong = "layout is a text of up to 63 bytes";
    if (wrong == NULL && chip != NULL)
        row->chip = updraft_chip_by_name(chip->valuestring)->id;
    if (wrong == NULL && layout != NULL)
        updraft_name_set(row->layout, sizeof row->layout, layout->valuestring);
    cJSON_Delete(json);
    return wrong;
}

void updraft_boards_set(const struct updraft_view *view, const struct updraft_request *request,
                        struct updraft_plan *plan, struct updraft_response *response)
{
    static const struct updraft_refusal bad = {
        400, "bad_board", "Send {\"chip\":\"esp32s3\",\"layout\":\"8m-two-slots\"}."};
    static const struct updraft_refusal absent = {404, "product_not_found",
                                                  "List the products with 'updraft releases'."};
    const struct updraft_product *product =
        updraft_fleet_find_product(view->fleet, request->segments[0]);
    const char *name = request->segments[1], *wrong;
    struct updraft_board_row row = {.chip = UPDRAFT_CHIP_UNKNOWN};
    const struct updraft_board_row *known;

    if (product == NULL) {
        updraft_response_refuse(response, &absent, "there is no such product");
        return;
    }
    if (!updraft_name_valid(name)) {
        updraft_response_refuse(response, &bad, "a board is named by 1 to 64 of A-Z a-z 0-9 . _ -");
        return;
    }
    known = updraft_product_find_board(product, name);
    if (known != NULL)
        row = *known;
    wrong = read_board(request, &row);
    if (wrong != NULL) {
        updraft_response_refuse(response, &bad, "%s", wrong);
        return;
    }
    row.product_id = product->row.id;
    updraft_name_set(row.name, sizeof row.name, name);
    updraft_plan_about(plan, "%s %s", product->row.name, name);
    updraft_plan_add(plan, UPDRAFT_CHANGE_BOARD)->row.board = row;
    plan->key = UPDRAFT_PLAN_KEY_CATALOGUE;
    response->status = 200;
    response->after_commit = show;
}
