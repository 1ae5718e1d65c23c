#include "datasets/tokenizer/post_processor.h"

#include <optional>

#include "common/error.h"
#include "common/text.h"
#include "datasets/tokenizer/normalizer.h"

namespace rankscope::tokenizer {
namespace {

std::vector<int32_t> special_token_ids(JsonObject& specials, const std::string& name,
                                       int64_t id_count) {
  JsonObject token = specials.get_object(name);
  std::vector<int32_t> ids;
  for (const int64_t id : token.get_int_array("ids")) {
    if (id < 0 || id >= id_count) {
      token.fail("ids", "holds " + std::to_string(id) + ", but the tokenizer's ids end at " +
                            std::to_string(id_count - 1));
    }
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

PostProcessor read_template(JsonObject& json, int64_t id_count) {
  PostProcessor found;
  json.ignore("pair");
  JsonObject specials = json.get_object("special_tokens");
  bool text_seen = false;
  for (JsonObject& item : sequence_items(json, "single")) {
    if (item.has("Sequence")) {
      const std::string id = item.get_object("Sequence").get_string("id");
      if (id != "A" || text_seen) json.fail("single", "must hold the sequence A once and no other");
      text_seen = true;
    } else {
      const std::string name = item.get_object("SpecialToken").get_string("id");
      std::vector<int32_t>& side = text_seen ? found.after : found.before;
      const std::vector<int32_t> ids = special_token_ids(specials, name, id_count);
      side.insert(side.end(), ids.begin(), ids.end());
    }
    item.finish();
  }
  if (!text_seen) json.fail("single", "must hold the sequence A");
  return found;
}

void read_into(JsonObject& json, int64_t id_count, std::optional<PostProcessor>& all) {
  const std::string type = json.get_string("type");
  if (type == "Sequence") {
    for (JsonObject& item : sequence_items(json, "processors")) read_into(item, id_count, all);
  } else if (type == "ByteLevel") {
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) json.ignore(key);
  } else if (type == "TemplateProcessing") {
    if (all) json.fail("type", "is a second TemplateProcessing, which is not supported");
    all = read_template(json, id_count);
  } else {
    refuse_type(json, type, "ByteLevel, TemplateProcessing, Sequence");
  }
  json.finish();
}

}  // namespace

PostProcessor read_post_processor(JsonObject json, int64_t id_count) {
  std::optional<PostProcessor> all;
  read_into(json, id_count, all);
  return all.value_or(PostProcessor{});
}

}  // namespace rankscope::tokenizer
