// Which class of host this is. Only bucketed fields that stay the same over boots: no MHz, no
// bogomips, no uptime, so that the same machine is not taken for another one tomorrow. Measurements
// of different classes are never compared.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "perf/measurement/error.hpp"

namespace ordeal::perf {

class ObjectReader;

struct Fingerprint {
  std::string arch;
  std::string cpu;  // model without marketing and frequency, with family and model number
  int cpus = 0;     // that this process may use
  int numa_nodes = 1;
  bool smt = false;
  bool virtualised = false;
  std::string kernel;  // major.minor
  std::string libc;
  std::string governor;  // of frequency; empty: none is there
  int ram_gib = 0;       // rounded to a power of two
  double cpu_quota = 0;  // CPUs that the control group allows, in quarters; 0: no limit

  bool operator==(const Fingerprint&) const = default;
  // Twelve hex digits over all fields.
  [[nodiscard]] std::string id() const;
};

// `root`: where /proc and /sys are looked for, for tests.
[[nodiscard]] Fingerprint this_host(const std::string& root = "");
[[nodiscard]] nlohmann::json to_json(const Fingerprint& fingerprint);  // with "id"
[[nodiscard]] Fingerprint read_fingerprint(ObjectReader& reader);      // calls end()

}  // namespace ordeal::perf
