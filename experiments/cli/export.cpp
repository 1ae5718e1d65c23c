// export: every view of a sweep's results as a CSV file.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "common/files.h"
#include "common/json.h"
#include "common/log.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "results/query.h"

namespace rankscope {

namespace {

struct ExportCommand {
  std::string folder;
  std::string out;
  bool json = false;
};

// The rows as CSV, counted on their way.
class CsvFile : public RowSink {
 public:
  explicit CsvFile(const std::filesystem::path& path)
      : file_(path),
        writer_(make_row_writer(RowFormat::kCsv, [this](std::string_view t) { file_.write(t); })) {}
  void begin(const std::vector<std::string>& columns) override { writer_->begin(columns); }
  void row(const Row& cells) override {
    writer_->row(cells);
    ++rows;
  }
  void end() override {
    writer_->end();
    file_.commit();
  }
  int64_t rows = 0;

 private:
  AtomicFile file_;
  std::unique_ptr<RowSink> writer_;
};

int run_export(const ExportCommand& c) {
  ResultsReader reader({c.folder});
  // All files appear at once: none can be of another moment than its neighbours.
  FolderTransaction folder(c.out, FolderTransaction::Existing::kRefuse);
  for (const ViewName& view : view_names()) {
    CsvFile file(folder.path() / (view.name + ".csv"));
    reader.run(view.name, file);
    if (c.json) {
      const OrderedJson line{
          {"view", view.name}, {"file", view.name + ".csv"}, {"rows", file.rows}};
      print_text(line.dump() + "\n");
    }
  }
  folder.commit();
  log::info("exported {} views to {}", view_names().size(), c.out);
  return 0;
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<ExportCommand>();
  CLI::App* command =
      app.add_subcommand("export", "a sweep's results as CSV, a file for each view");
  command->add_option("dir", c->folder, "the sweep's folder, which holds results.db")->required();
  command->add_option("--out", c->out, "a new folder for the files")
      ->required()
      ->check(not_empty());
  command->add_flag("--json", c->json, "a line for each file");
  command->callback([c, &exit_code] { exit_code = run_export(*c); });
}

}  // namespace rankscope
