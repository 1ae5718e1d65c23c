// Latencies as rows, and the view that pairs them with the base's.
#include <catch2/catch.hpp>

#include "tests/error_text.h"
#include "tests/results/sample.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE("a variant's times stand beside the base's of the same rounds") {
  const SampleFolder folder;
  ResultsReader reader({folder.path()});
  // Ratios of 2 and 4: their logarithms are 1 and 2, the mean 1.5, which is a ratio of 2.83.
  CHECK(
      answer(
          reader,
          "SELECT batch, length, variant, bottleneck, trainable_parameters, rounds, milliseconds, "
          "round(slowdown_percent, 3) AS slowdown, log2_ratio, round(log2_deviation, 4) AS "
          "deviation, "
          "base_parameters, settings FROM latencies WHERE batch = 4") ==
      "batch,length,variant,bottleneck,trainable_parameters,rounds,milliseconds,slowdown,log2_"
      "ratio,"
      "deviation,base_parameters,settings\r\n"
      "4,128,adapter_h,8,150,2,40.0,182.843,1.5,0.7071,5000,\"{\"\"bottleneck\"\":\"\"8\"\"}\"\r\n"
      "4,128,base,0,0,2,12.0,0.0,0.0,0.0,5000,{}\r\n"
      "4,128,lora_merged,0,40,2,12.0,0.0,0.0,0.0,5000,\"{\"\"rank\"\":\"\"4\"\"}\"\r\n");
  CHECK_THAT(answer(reader, "latencies"), Contains("batch,length,variant"));
}

TEST_CASE(
    "latencies are replaced as a whole, and what contradicts itself leaves them as they were") {
  TemporaryFolder folder;
  Store store = Store::open(folder / "results.db");
  std::vector<LatencyRecord> records = sample_latencies();
  store.put_latencies(records);
  const std::string before = dump(folder / "results.db");
  store.put_latencies(records);
  CHECK(dump(folder / "results.db") == before);

  std::vector<LatencyRecord> bad = records;
  bad[0].variants.push_back(bad[0].variants[2]);
  CHECK_THAT(error_text<InputError>([&] { store.put_latencies(bad); }),
             Contains("batch 1 and length 128 has 'adapter_h' with bottleneck 8 twice"));
  bad = records;
  bad.push_back(bad[1]);
  CHECK_THAT(error_text<InputError>([&] { store.put_latencies(bad); }),
             Contains("batch 4 and length 128 stands here twice"));
  CHECK(dump(folder / "results.db") == before);

  records.pop_back();
  store.put_latencies(records);
  CHECK(dump(folder / "results.db") != before);
  store.put_latencies({});
  ResultsReader reader({folder.path()});
  CHECK(answer(reader,
               "SELECT (SELECT count(*) FROM latency) + (SELECT count(*) FROM latency_cell) + "
               "(SELECT count(*) FROM latency_variant) AS n") == "n\r\n0\r\n");
}
