#include "experiments/pretrain/windows.h"

#include <utility>

#include "common/interrupt.h"

namespace rankscope {

void WindowPacker::add(std::vector<std::int32_t> document) {
  document.push_back(end_token_);
  ++windows_.documents;
  if (document.size() > window_) {
    ++windows_.documents_cut;
    windows_.tokens_cut += static_cast<std::int64_t>(document.size() - window_);
    document.resize(window_);
  }
  if (joining_ == Joining::kOne || open_.size() + document.size() > window_) close();
  open_.insert(open_.end(), document.begin(), document.end());
}

Windows WindowPacker::finish() {
  close();
  return std::move(windows_);
}

void WindowPacker::close() {
  if (open_.empty()) return;
  windows_.tokens += static_cast<std::int64_t>(open_.size());
  windows_.examples.push_back({{open_.front()}, {open_.begin() + 1, open_.end()}});
  open_.clear();
}

Windows pack_documents(std::span<const std::string> documents, const Tokenizer& tokenizer,
                       std::int32_t end_token, std::int64_t window, Joining joining) {
  WindowPacker packer(window, end_token, joining);
  for (const std::string& text : documents) {
    throw_if_stop_requested();
    packer.add(tokenizer.encode(text, false));
  }
  return packer.finish();
}

}  // namespace rankscope
