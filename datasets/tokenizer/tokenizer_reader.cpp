// Tokenizer::load and Tokenizer::parse: the files, checked.
#include <algorithm>

#include "common/error.h"
#include "common/files.h"
#include "common/jsonl.h"
#include "common/text.h"
#include "datasets/tokenizer/added_token_reader.h"
#include "datasets/tokenizer/gpt2_settings.h"
#include "datasets/tokenizer/normalizer.h"
#include "datasets/tokenizer/tokenizer.h"

namespace rankscope {

using namespace tokenizer;

namespace {

constexpr JsonLimits kTokenizerLimits{.max_bytes = uint64_t{64} << 20, .max_depth = 16};

// Tables are indexed by id: a small file must not ask for a large one.
int64_t id_limit(size_t tokens) { return 2 * static_cast<int64_t>(tokens) + 65536; }

Vocabulary read_vocabulary(const Json& json, const std::string& where) {
  if (!json.is_object()) throw InputError(where + ": must be a JSON object of token and id");
  Vocabulary vocabulary;
  vocabulary.reserve(json.size());
  const int64_t limit = id_limit(json.size());
  std::unordered_map<int64_t, const std::string*> owners;
  for (const auto& [token, id] : json.items()) {
    const std::string entry = where + ": token '" + printable(token) + "'";
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(limit)) {
      throw InputError(entry + ": its id must be an integer from 0 to " +
                       std::to_string(limit - 1) + ", not " + json_excerpt(id));
    }
    const auto number = id.get<int64_t>();
    const auto placed = vocabulary.emplace(token, static_cast<int32_t>(number)).first;
    const auto [owner, is_new] = owners.emplace(number, &placed->first);
    if (!is_new) {
      throw InputError(entry + ": id " + std::to_string(number) + " is also that of '" +
                       printable(*owner->second) + "'");
    }
  }
  return vocabulary;
}

// `where` names the merge in messages.
Merge make_merge(const Vocabulary& vocabulary, std::string_view left, std::string_view right,
                 const std::string& where) {
  const auto id = [&](std::string_view token) {
    const auto found = vocabulary.find(token);
    if (found == vocabulary.end())
      throw InputError(where + ": '" + printable(token) + "' is not in the vocabulary");
    return found->second;
  };
  return {id(left), id(right), id(std::string(left).append(right))};
}

// "left right", with one space.
Merge split_merge(const Vocabulary& vocabulary, std::string_view line, const std::string& where) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
    throw InputError(where + ": '" + printable(line) + "' must be two tokens with a space between");
  return make_merge(vocabulary, line.substr(0, space), line.substr(space + 1), where);
}

std::vector<Merge> read_merges(const Json& array, const Vocabulary& vocabulary,
                               const std::string& where) {
  std::vector<Merge> merges;
  for (size_t i = 0; i < array.size(); ++i) {
    const std::string place = where + ": field 'model.merges[" + std::to_string(i) + "]'";
    const Json& merge = array[i];
    if (merge.is_string()) {
      const auto& line = merge.get_ref<const std::string&>();
      if (line.starts_with("#version")) continue;
      merges.push_back(split_merge(vocabulary, line, place));
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      merges.push_back(make_merge(vocabulary, merge[0].get_ref<const std::string&>(),
                                  merge[1].get_ref<const std::string&>(), place));
    } else {
      throw InputError(place + ": must be \"left right\" or [left, right], not " +
                       json_excerpt(merge));
    }
  }
  return merges;
}

void refuse_affix(JsonObject& model, const std::string& key) {
  if (!model.get_string_or(key, "").empty())
    model.fail(key, "is set, which is not supported: tokenizers with word affixes are not read");
}

Bpe read_model(JsonObject model, bool byte_level) {
  if (model.has("type") && model.get_string("type") != "BPE")
    refuse_type(model, model.get_string("type"), "BPE");
  if (model.get_double_or("dropout", 0.0) != 0.0)
    model.fail("dropout", "is set, which is not supported: encoding would be random");
  refuse_affix(model, "continuing_subword_prefix");
  refuse_affix(model, "end_of_word_suffix");
  BpeSettings settings;
  settings.byte_level = byte_level;
  settings.byte_fallback = model.get_bool_or("byte_fallback", false);
  settings.fuse_unknown = model.get_bool_or("fuse_unk", false);
  settings.ignore_merges = model.get_bool_or("ignore_merges", false);
  if (byte_level && settings.byte_fallback)
    model.fail("byte_fallback", "is true with a ByteLevel pre-tokenizer, which is not supported");
  const Json* tokens = model.find("vocab");
  if (tokens == nullptr) model.fail("vocab", "is missing");
  Vocabulary vocabulary = read_vocabulary(*tokens, model.where() + ": field 'model.vocab'");
  if (model.has("unk_token")) {
    settings.unknown_token = model.get_string("unk_token");
    if (!vocabulary.contains(*settings.unknown_token))
      model.fail("unk_token",
                 "'" + printable(*settings.unknown_token) + "' is not in the vocabulary");
  }
  const std::vector<Merge> merges =
      read_merges(model.get_array("merges"), vocabulary, model.where());
  model.finish();
  return Bpe(std::move(vocabulary), merges, std::move(settings));
}

int64_t count_ids(const TokenizerParts& parts) {
  int64_t count = 0;
  for (const auto& [token, id] : parts.model.vocabulary()) count = std::max<int64_t>(count, id + 1);
  for (const AddedToken& token : parts.added) count = std::max<int64_t>(count, token.id + 1);
  return count;
}

void refuse_if_set(JsonObject& json, const std::string& key) {
  if (json.has(key))
    json.fail(key, "is set, which is not supported: texts are kept whole; set it to null");
}

Tokenizer load_gpt2(const std::filesystem::path& folder) {
  const std::filesystem::path vocab_path = folder / "vocab.json",
                              merges_path = folder / "merges.txt";
  require_gpt2_settings(folder);
  Vocabulary vocabulary =
      read_vocabulary(read_json_file(vocab_path, kTokenizerLimits), printable_path(vocab_path));
  std::vector<Merge> merges;
  LineReader lines(merges_path, size_t{1} << 20, InputKind::kRegular);
  for (std::string_view line; lines.next(line);) {
    if (line.empty() || line.starts_with("#version")) continue;
    if (!valid_utf8(line)) throw InputError(lines.where() + ": is not UTF-8");
    merges.push_back(split_merge(vocabulary, line, lines.where()));
  }
  TokenizerParts parts;
  if (const auto found = vocabulary.find(kEndOfText); found != vocabulary.end()) {
    AddedToken end;
    end.content = kEndOfText;
    end.id = found->second;
    end.special = true;
    parts.added.push_back(end);
  }
  parts.model = Bpe(std::move(vocabulary), merges, {.byte_level = true, .unknown_token = {}});
  parts.pre_tokenizer = PreTokenizer(SplitPattern::kGpt2);
  parts.decoder = Decoder::byte_level();
  return Tokenizer(std::move(parts));
}

}  // namespace

Tokenizer Tokenizer::parse(std::string_view json_text, const std::string& source_name) {
  const Json parsed = parse_json(json_text, source_name, kTokenizerLimits);
  JsonObject json(parsed, source_name, JsonObject::Nulls::kAbsent);
  if (const std::string format = json.get_string_or("version", "1.0"); format != "1.0")
    json.fail("version",
              "is '" + printable(format) + "', which is not supported; supported is 1.0");
  refuse_if_set(json, "truncation");
  refuse_if_set(json, "padding");
  TokenizerParts parts;
  if (json.has("normalizer")) parts.normalizer = Normalizer(json.get_object("normalizer"));
  if (json.has("pre_tokenizer"))
    parts.pre_tokenizer = PreTokenizer(json.get_object("pre_tokenizer"));
  // Hugging Face's tokenizers takes such a text for one that stands inside the input.
  if (parts.pre_tokenizer.prefixes_start_alone() && parts.normalizer.may_move_start()) {
    json.fail("pre_tokenizer",
              "has prepend_scheme 'first' behind a normalizer's Replace of several characters, or "
              "of one by nothing, which is not supported");
  }
  if (json.has("decoder")) parts.decoder = Decoder(json.get_object("decoder"));
  parts.model = read_model(json.get_object("model"), parts.pre_tokenizer.byte_level());
  if (const Json* added = json.find_array("added_tokens")) {
    const Vocabulary& vocabulary = parts.model.vocabulary();
    parts.added = read_added_tokens(json, vocabulary, parts.normalizer,
                                    id_limit(vocabulary.size() + added->size()));
  }
  if (json.has("post_processor")) {
    parts.post_processor = read_post_processor(json.get_object("post_processor"), count_ids(parts));
  }
  json.finish();
  return Tokenizer(std::move(parts));
}

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  if (is_there(path))
    return parse(read_regular_file(path, kTokenizerLimits.max_bytes), printable_path(path));
  // The files beside it can be another tokenizer's.
  if (std::error_code unknown; std::filesystem::is_symlink(path, unknown))
    throw InputError(printable_path(path) +
                     ": is a link to a file that is not there; bring the file back, or remove the "
                     "link");
  if (is_there(folder / "vocab.json")) return load_gpt2(folder);
  throw InputError(printable_path(folder) +
                   ": holds neither tokenizer.json nor vocab.json; is this a model's folder?");
}

}  // namespace rankscope
