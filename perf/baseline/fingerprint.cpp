#include "perf/baseline/fingerprint.hpp"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "perf/measurement/json_reader.hpp"

namespace ordeal::perf {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_line(const std::string& path) {
  const std::string text = contents(path);
  return text.substr(0, text.find('\n'));
}

// The value of the first "name : value" line.
std::string field(const std::string& text, const std::string& name) {
  std::smatch match;
  const std::regex line{"(?:^|\n)" + name + "\\s*:[ \t]*([^\n]*)"};
  return std::regex_search(text, match, line) ? match[1].str() : "";
}

std::string normalised_cpu(const std::string& cpuinfo) {
  std::string name = field(cpuinfo, "model name");
  name = std::regex_replace(name, std::regex{"\\((R|TM)\\)|\\bCPU\\b|@.*$|\\bProcessor\\b"}, " ");
  name = std::regex_replace(name, std::regex{"\\s+"}, " ");
  name = std::regex_replace(name, std::regex{"^ | $"}, "");
  return fmt::format("{} family {} model {}", name, field(cpuinfo, "cpu family"),
                     field(cpuinfo, "model"));
}

int count_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

int count_numa_nodes(const std::string& root) {
  int nodes = 0;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator{root + "/sys/devices/system/node", ignored}) {
    nodes += std::regex_match(entry.path().filename().string(), std::regex{"node\\d+"}) ? 1 : 0;
  }
  return std::max(nodes, 1);
}

int ram_bucket_gib(const std::string& meminfo) {
  const std::string kib = field(meminfo, "MemTotal");
  const double gib = std::atof(kib.c_str()) / (1024 * 1024);
  if (!(gib > 0)) return 0;
  return static_cast<int>(std::exp2(std::max(0.0, std::round(std::log2(gib)))));
}

double cpu_quota(const std::string& cpu_max) {
  double quota = 0;
  double period = 0;
  std::istringstream words{cpu_max};
  if (!(words >> quota >> period) || period <= 0) return 0;  // "max 100000", or no such file
  return std::round(4 * quota / period) / 4;
}

nlohmann::json fields(const Fingerprint& f) {
  return {{"arch", f.arch},
          {"cpu", f.cpu},
          {"cpus", f.cpus},
          {"numa_nodes", f.numa_nodes},
          {"smt", f.smt},
          {"virtualised", f.virtualised},
          {"kernel", f.kernel},
          {"libc", f.libc},
          {"governor", f.governor},
          {"ram_gib", f.ram_gib},
          {"cpu_quota", f.cpu_quota}};
}

}  // namespace

std::string Fingerprint::id() const {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a: to tell classes apart, not to keep secrets
  for (const char letter : fields(*this).dump()) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  }
  return fmt::format("{:016x}", hash).substr(0, 12);
}

Fingerprint this_host(const std::string& root) {
  const std::string cpuinfo = contents(root + "/proc/cpuinfo");
  const std::string release = first_line(root + "/proc/sys/kernel/osrelease");
  std::smatch version;
  Fingerprint f;
  utsname names{};
  if (uname(&names) == 0) f.arch = names.machine;
  f.cpu = normalised_cpu(cpuinfo);
  f.cpus = count_cpus();
  f.numa_nodes = count_numa_nodes(root);
  f.smt = first_line(root + "/sys/devices/system/cpu/smt/active") == "1";
  f.virtualised = (" " + field(cpuinfo, "flags") + " ").find(" hypervisor ") != std::string::npos;
  if (std::regex_search(release, version, std::regex{"^\\d+\\.\\d+"})) f.kernel = version[0];
  f.libc = fmt::format("glibc {}", gnu_get_libc_version());
  f.governor = first_line(root + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  f.ram_gib = ram_bucket_gib(contents(root + "/proc/meminfo"));
  f.cpu_quota = cpu_quota(first_line(root + "/sys/fs/cgroup/cpu.max"));
  return f;
}

nlohmann::json to_json(const Fingerprint& fingerprint) {
  nlohmann::json value = fields(fingerprint);
  value["id"] = fingerprint.id();
  return value;
}

Fingerprint read_fingerprint(ObjectReader& reader) {
  Fingerprint f;
  f.arch = reader.text("arch");
  f.cpu = reader.text("cpu");
  f.cpus = static_cast<int>(reader.integer("cpus"));
  f.numa_nodes = static_cast<int>(reader.integer("numa_nodes"));
  f.smt = reader.boolean("smt");
  f.virtualised = reader.boolean("virtualised");
  f.kernel = reader.text("kernel");
  f.libc = reader.text("libc");
  f.governor = reader.text("governor");
  f.ram_gib = static_cast<int>(reader.integer("ram_gib"));
  f.cpu_quota = reader.number("cpu_quota");
  if (reader.text("id") != f.id()) {
    reader.refuse("id", "does not belong to the other fields: the file was edited");
  }
  reader.end();
  return f;
}

}  // namespace ordeal::perf
