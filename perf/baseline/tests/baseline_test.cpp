// Which host, which baseline, which old sampler: nothing is compared with what it is not.
#include "perf/baseline/baseline_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "perf/baseline/store.hpp"
#include "perf/measurement/json_reader.hpp"
#include "perf/stats/tests/made_samples.hpp"
#include "testing/cites/cites.hpp"

namespace ordeal::perf {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Folder {
 public:
  Folder() : path_(testing::TempDir() + "/perf-" + std::to_string(getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(write_text_file(at(name), text));
  }

 private:
  std::string path_;
};

Baseline made_baseline() {
  Baseline baseline{.created = "2026-11-29T20:00:00Z",
                    .suite = "round_trip",
                    .commit = std::string(40, 'a'),
                    .bundle = std::string(64, 'b'),
                    .build = this_build(),
                    .host = this_host(),
                    .seed = 7};
  baseline.same = made::pairs({.pairs = 12, .stages = 1}, 1);
  Rules rules;
  rules.resamples = 20;
  baseline.noise = measure_noise(baseline.same, 10, rules);
  return baseline;
}

TEST(Fingerprint, IsTheSameAfterAChangeOfFrequencyAndAnotherBoot) {
  cites(55);
  const Folder root;
  const auto machine = [&](const std::string& mhz, const std::string& ram_kib) {
    root.write("proc/cpuinfo",
               "model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz\ncpu family\t: 6\n"
               "model\t\t: 79\ncpu MHz\t\t: " +
                   mhz + "\nbogomips\t: " + mhz + "\nflags\t\t: fpu hypervisor sse\n");
    root.write("proc/meminfo", "MemTotal:       " + ram_kib + " kB\nMemFree: 1 kB\n");
    root.write("proc/sys/kernel/osrelease", "5.10.230-amd64\n");
    root.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
    return this_host(root.path());
  };
  const auto first = machine("2199.998", "16384000");
  const auto later = machine("2700.125", "16290000");
  EXPECT_EQ(first.cpu, "Intel Xeon family 6 model 79");
  EXPECT_EQ(first.kernel, "5.10");
  EXPECT_EQ(first.ram_gib, 16);
  EXPECT_EQ(first.cpu_quota, 1.5);
  EXPECT_TRUE(first.virtualised);
  EXPECT_EQ(first, later);
  EXPECT_EQ(first.id(), later.id());
  EXPECT_NE(machine("2199.998", "8192000").id(), first.id());
}

TEST(Baseline, IsReadAndWrittenBack) {
  cites(55);
  const auto value = to_json(made_baseline());
  const auto again = baseline_from_json(value, "b.json");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(to_json(*again), value);
  auto edited = value;
  edited["fingerprint"]["cpus"] = 64;
  EXPECT_THAT(baseline_from_json(edited, "b.json").error().text(),
              HasSubstr("fingerprint.id: does not belong to the other fields"));
}

TEST(Baseline, AMissingOrForeignOneIsSaidAndNeverAPass) {
  cites(55);
  const Folder folder;
  const auto host = this_host();
  const auto none = baselines_of(folder.path(), {"round_trip"}, host);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::baseline);
  EXPECT_THAT(none.error().text(), HasSubstr("has no baseline of suite round_trip for this host"));

  Baseline foreign = made_baseline();
  foreign.host.cpus = 64;
  foreign.host.cpu = "Abacus 9000";
  folder.write("foreign.json", to_json(foreign).dump());
  const auto other = baselines_of(folder.path(), {"round_trip"}, host);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::baseline);
  EXPECT_THAT(other.error().text(), HasSubstr("Abacus 9000"));

  folder.write("ours.json", to_json(made_baseline()).dump());
  const auto ours = baselines_of(folder.path(), {"round_trip"}, host);
  ASSERT_TRUE(ours) << ours.error().text();
  EXPECT_EQ(ours->size(), 1U);
  EXPECT_FALSE(baselines_of(folder.path(), {"round_trip", "start"}, host))
      << "one suite without a baseline is not passed over";
  folder.write("broken.json", "{");
  EXPECT_EQ(baselines_of(folder.path(), {"round_trip"}, host).error().kind, ErrorKind::json);
}

TEST(Noise, OfACalmMetricIsSmallAndOfAWildOneInformation) {
  cites(55);
  Rules rules;
  rules.resamples = 50;
  const auto calm = measure_noise(made::pairs({.pairs = 40, .stages = 1}, 1), 20, rules);
  EXPECT_LT(calm[0].mad, 0.03);
  EXPECT_EQ(calm[0].floor, 0.03);
  EXPECT_FALSE(calm[0].informational);
  const auto wild =
      measure_noise(made::pairs({.shape = made::skewed, .pairs = 40, .stages = 1}, 1), 20, rules);
  EXPECT_TRUE(wild[0].informational);
}

TEST(Store, KeepsASamplerByItsContentsAndNoticesAChange) {
  cites(55);
  const Folder folder;
  folder.write("bin/program", "one");
  folder.write("checkout/python_mock/worker.py", "print(1)");
  Store store{folder.at("store")};
  const auto first = store.keep(folder.at("bin/program"), folder.at("checkout"));
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(store.keep(folder.at("bin/program"), folder.at("checkout")).value(), *first);
  const auto kept = store.find(*first);
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_TRUE(fs::exists(*kept + "/python_mock/worker.py"));

  folder.write("checkout/python_mock/worker.py", "print(2)");
  const auto second = store.keep(folder.at("bin/program"), folder.at("checkout"));
  ASSERT_TRUE(second);
  EXPECT_NE(*second, *first) << "a worker's program belongs to the sampler";

  std::ofstream{*kept + "/ordeal-perf"} << "two";
  EXPECT_THAT(store.find(*first).error().text(), HasSubstr("was changed since it was kept"));
  EXPECT_EQ(store.find("feed").error().kind, ErrorKind::baseline);
  store.note_commit("abc", *second);
  EXPECT_EQ(store.hash_of_commit("abc"), *second);
  EXPECT_EQ(store.hash_of_commit("abd"), "");
}

}  // namespace
}  // namespace ordeal::perf
