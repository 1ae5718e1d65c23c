#include "datasets/readers/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::size_t kPlacesShown = 5;

}  // namespace

void ReadReport::skip(const std::string& reason, const std::string& where) {
  auto found = std::ranges::find(skipped, reason, &Skipped::reason);
  if (found == skipped.end()) {
    skipped.push_back({reason, 0, {}});
    found = skipped.end() - 1;
  }
  ++found->count;
  if (found->first.size() < kPlacesShown) found->first.push_back(where);
}

std::uint64_t ReadReport::skipped_total() const {
  std::uint64_t total = 0;
  for (const Skipped& one : skipped) total += one.count;
  return total;
}

OrderedJson report_json(const ReadReport& report) {
  OrderedJson json;
  json["files"] = OrderedJson::array();
  for (const ReadFile& file : report.files) {
    json["files"].push_back(
        {{"path", printable(file.path, 4096)}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  json["read"] = report.read;
  json["blank_lines"] = report.blank_lines;
  json["stopped_at_limit"] = report.stopped_at_limit;
  json["skipped"] = OrderedJson::object();
  for (const Skipped& one : report.skipped) {
    json["skipped"][one.reason] = {{"count", one.count}, {"first", one.first}};
  }
  json["unread_keys"] = report.unread_keys;
  return json;
}

std::string report_text(const ReadReport& report) {
  std::string text = fmt::format("{} examples", report.read);
  if (!report.files.empty()) {
    text += " of " + printable(std::filesystem::path(report.files[0].path).filename().native());
  }
  if (report.stopped_at_limit) text += ", the number asked for";
  for (const Skipped& one : report.skipped) {
    text += fmt::format("; skipped {}: {} ({}{})", one.count, one.reason,
                        fmt::join(one.first, ", "), one.count > one.first.size() ? ", ..." : "");
  }
  if (report.blank_lines > 0) text += fmt::format("; {} blank lines", report.blank_lines);
  if (!report.unread_keys.empty()) {
    text += fmt::format("; keys that nothing reads: {}{}", fmt::join(report.unread_keys, ", "),
                        report.more_unread_keys ? " and more" : "");
  }
  return text;
}

}  // namespace rankscope
