// The views: what they average, and what they show.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/files.h"
#include "results/query.h"
#include "results/store.h"
#include "tests/results/sample.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE("table5 and table6 average over the seeds of a setting and say what is missing") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  // 0.25, 0.75 and the base's 0.125 of the diverged seed: mean 0.375, deviations .125, .375, .25.
  const std::string first =
      "SELECT targets, rank, parameters, mean, standard_deviation, n, diverged, missing FROM ";
  for (const char* view : {"table5", "table6"}) {
    CHECK(answer(reader, std::string(first) + view + " WHERE task = 'wikisql' ORDER BY rank") ==
          "targets,rank,parameters,mean,standard_deviation,n,diverged,missing\r\n"
          "Wq,1,1000,0.375,0.33071891388307384,3,1,0\r\n"
          "Wq+Wv,4,4000,0.5,0.0,2,0,0\r\n"
          "Wq,8,8000,,,0,0,1\r\n");
  }
  CHECK(answer(reader, "SELECT count(*) AS n FROM means WHERE method = 'none'") == "n\r\n1\r\n");
}

TEST_CASE("seeds of different settings are never averaged") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    TrialRecord a = lora_trial("Wq", 1, 0, 0), b = lora_trial("Wq", 1, 1, 1);
    b.config["training.lr"] = "1e-3";
    TrialRecord tuning = lora_trial("Wq", 1, 2, 1);
    tuning.role = "tuning";
    for (const TrialRecord& trial : {a, b, tuning}) store.put_trial(trial);
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT mean, n FROM table5 ORDER BY mean") ==
        "mean,n\r\n0.0,1\r\n1.0,1\r\n");
}

TEST_CASE("a start or an order of data that is given makes another setting, and the seed none") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    double score = 0;
    for (const char* given : {"", "init_seed", "data_seed"})
      for (const int seed : {1, 2, 7}) {
        TrialRecord trial = lora_trial("Wq", 1, seed, score);
        trial.trial += given;
        if (*given != 0) trial.config[given] = "7";
        trial.config["tuning.seed"] = std::to_string(1000 + seed);
        store.put_trial(trial);
        score += 0.0625;
      }
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT mean, n FROM means ORDER BY mean") ==
        "mean,n\r\n0.0625,3\r\n0.25,3\r\n0.4375,3\r\n");
}

TEST_CASE("means count the trials of a setting that failed or have not ended as missing") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_trial(lora_trial("Wq", 1, 0, 0.25));
    store.put_trial(lora_trial("Wq", 1, 1, 0.75));
    for (const char* state : {"failed", "pending"}) {
      TrialRecord trial = lora_trial("Wq", 1, state == std::string("failed") ? 2 : 3, 0);
      trial.state = state;
      trial.trainable_parameters = {};
      trial.metrics.clear();
      store.put_trial(trial);
    }
    store.put_trial(lora_trial("Wq", 2, 0, 1));
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT rank, mean, n, missing FROM means ORDER BY rank") ==
        "rank,mean,n,missing\r\n1,0.5,2,2\r\n2,1.0,1,0\r\n");
}

TEST_CASE("equal scores have their own mean and no deviation") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    for (const int seed : {0, 1, 2}) store.put_trial(lora_trial("Wq", 1, seed, 0.1));
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT mean, standard_deviation, n FROM means") ==
        "mean,standard_deviation,n\r\n0.1,0.0,3\r\n");
}

TEST_CASE("controls on shuffled targets are marked, and stand in no table of the paper's") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    TrialRecord trained = lora_trial("Wq", 1, 0, 1), control = lora_trial("Wq", 1, 1, 0);
    control.config["shuffle_targets"] = "true";
    for (const TrialRecord& trial : {trained, control}) store.put_trial(trial);
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT mean, n, shuffled_targets FROM means ORDER BY mean") ==
        "mean,n,shuffled_targets\r\n0.0,1,1\r\n1.0,1,0\r\n");
  for (const char* view : {"table5", "table6"})
    CHECK(answer(reader, std::string("SELECT mean, n FROM ") + view) == "mean,n\r\n1.0,1\r\n");
}

TEST_CASE("views name trials, scores, curves, predictions and where they came from") {
  SampleFolder folder;
  ResultsReader reader({folder.path()});
  const std::string where = " WHERE trial = ?";
  const Row trial{"Wq-r1-s2"};
  CHECK(answer(reader,
               "SELECT trial, state, role, method, task, rank, targets, seed, "
               "trainable_parameters, steps, loss, sweep, grp, diverged_at FROM trials" +
                   where,
               RowFormat::kJson, trial) ==
        R"({"trial":"Wq-r1-s2","state":"diverged","role":"scored","method":"lora",)"
        R"("task":"wikisql","rank":1,"targets":"Wq","seed":2,"trainable_parameters":1000,)"
        R"("steps":2,"loss":null,"sweep":"small","grp":"ranks","diverged_at":2})"
        "\n");
  CHECK(answer(reader, "SELECT metric, value, standard_error, count, state FROM scores" + where,
               RowFormat::kCsv,
               trial) == "metric,value,standard_error,count,state\r\nexact,0.125,0.25,2,base\r\n");
  CHECK(answer(reader, "SELECT step, loss, eval_loss FROM learning_curves" + where, RowFormat::kCsv,
               trial) == "step,loss,eval_loss\r\n1,2.5,\r\n2,,0.625\r\n");
  CHECK(answer(reader,
               "SELECT example, metric, outcome, prediction, reference, prompt "
               "FROM predictions_scored" +
                   where + " ORDER BY example, metric LIMIT 3",
               RowFormat::kCsv, trial) ==
        "example,metric,outcome,prediction,reference,prompt\r\n"
        "e1,exact,1.0,SELECT a,SELECT a,Which a?\r\n"
        "e1,rouge1,1.0,SELECT a,SELECT a,Which a?\r\n"
        "e2,exact,0.0,SELECT b,SELECT b FROM table,Which b?\r\n");
  CHECK(answer(reader, "SELECT key, value, number FROM config WHERE trial = ? AND number > 0 ",
               RowFormat::kCsv, trial) ==
        "key,value,number\r\nmethod.rank,1,1.0\r\ntraining.lr,2e-4,0.0002\r\n"
        "training.seed,2,2.0\r\n");
  CHECK(answer(reader, "SELECT key, value FROM environment" + where, RowFormat::kCsv, trial) ==
        "key,value\r\ngit,0123abc\r\ninstruction_set,avx2\r\n");
  CHECK(answer(reader, "SELECT name, value FROM timings" + where, RowFormat::kCsv, trial) ==
        "name,value\r\npeak_memory_mib,300.0\r\ntrain_seconds,12.5\r\n");
  CHECK_THAT(answer(reader, "sweeps"), Contains(",9,6,1,1,0,1\r\n"));
  CHECK_THAT(answer(reader, "datasets"), Contains("d1,wikisql,dev,dev.jsonl,2\r\n"));
}

TEST_CASE("each pair of an adapter has its own relation, once") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    for (const int seed : {0, 1}) store.put_trial(lora_trial("Wq", 1, seed, 0));
    for (const auto& [other, relation] : {std::pair{"Wq-r1-s1", "seeds"}, {"base", "base"}})
      store.put_similarity({.one = "Wq-r1-s0",
                            .other = other,
                            .relation = relation,
                            .stamp = "s",
                            .sites = {{0, "Wq", "a", 1, 1, 8, {0.5f}, "", {}, {}, {}, {}}}});
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT other, relation FROM similarities ORDER BY other, relation") ==
        "other,relation\r\nWq-r1-s1,seeds\r\nbase,base\r\n");
}

TEST_CASE("every column of Table 7's view is the quantity of its name") {
  const std::vector<std::string> quantities{
      "projected",   "projected_weight", "projected_random", "projected_drawn",       "update_norm",
      "weight_norm", "amplification",    "relative",         "unscaled_amplification"};
  TemporaryFolder folder;
  std::string columns;
  {
    Store store = Store::open(folder / "results.db");
    store.put_trial(lora_trial("Wq", 1, 0, 0));
    AdapterFindings record{.trial = "Wq-r1-s0", .stamp = "s", .values = {}, .spectra = {}};
    for (const std::string& quantity : quantities) {
      record.values.push_back(
          {0, "Wq", quantity, static_cast<double>(record.values.size() + 1), ""});
      columns += (columns.empty() ? "" : ",") + quantity;
    }
    store.put_adapter(record);
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, "SELECT " + columns + " FROM amplifications") ==
        columns + "\r\n1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0\r\n");
}

TEST_CASE("a prediction stands beside the reference of its own dataset, whatever others' ids are") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    DatasetRecord other = sample_dataset("d2");
    other.examples = {{"e2", "Which d?", "SELECT d"}, {"e1", "Which c?", "SELECT c"}};
    store.put_dataset(sample_dataset("d1"));
    store.put_dataset(other);
    TrialRecord first = lora_trial("Wq", 1, 0, 0), second = lora_trial("Wq", 1, 1, 0);
    second.dataset = "d2";
    for (const TrialRecord& trial : {first, second}) store.put_trial(trial);
  }
  ResultsReader reader({folder.path()});
  CHECK(answer(reader,
               "SELECT trial, example, reference FROM predictions_scored WHERE metric = 'exact' "
               "ORDER BY trial, example, reference") ==
        "trial,example,reference\r\n"
        "Wq-r1-s0,e1,SELECT a\r\n"
        "Wq-r1-s0,e2,SELECT b FROM table\r\n"
        "Wq-r1-s1,e1,SELECT c\r\n"
        "Wq-r1-s1,e2,SELECT d\r\n");
}

TEST_CASE("SCHEMA.md's query has one score of the base for each task, of its own decoding") {
  TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    // The file is one; the third task is decoded as the first.
    for (const auto& [task, beams, score] :
         {std::tuple{"greedy", "1", 0.25}, {"searched", "4", 0.5}, {"more", "1", 0.0}}) {
      TrialRecord lora = lora_trial("Wq", 1, 0, 1), base = lora_trial("Wq", 2, 0, score);
      for (TrialRecord* trial : {&lora, &base}) {
        trial->trial += task;
        trial->task = task;
        trial->config["score.file"] = "one";
        trial->config["decoding.beams"] = beams;
      }
      base.method = "none";
      store.put_trial(lora);
      if (score > 0) store.put_trial(base);
    }
  }
  const std::string page =
      read_text_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "results" / "SCHEMA.md");
  const std::size_t begin = page.find('"', page.find("Of every task the base's scores")) + 1;
  ResultsReader reader({folder.path()});
  CHECK(answer(reader, page.substr(begin, page.find('"', begin) - begin)) ==
        "task,metric,value\r\ngreedy,exact,0.25\r\nmore,exact,0.25\r\nsearched,exact,0.5\r\n");
}
