#include "perf/bench/call_counters.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <set>

#include "ordeal/pool/pool.hpp"
#include "ordeal/pool/session.hpp"
#include "perf/bench/features.hpp"
#include "perf/bench/pinning.hpp"
#include "perf/bench/raw_pipe.hpp"
#include "perf/bench/tracing.hpp"

namespace ordeal::perf {
namespace {

// What the child has counted of itself, in memory that both see.
struct Untraced {
  std::uint64_t allocations = 0;
  long sleeps = 0;
  long sleeps_of_others = 0;
  std::array<char, 512> failure{};
};

long sleeps_of(int whom) {
  rusage used{};
  getrusage(whom, &used);
  return used.ru_nvcsw;
}

class Subject {
 public:
  static pool::Result<Subject> make(const CountOptions& options) {
    Subject subject;
    subject.args_ = R"({"payload":")" + std::string(options.payload_bytes, 'x') + R"("})";
    if (options.what == Counted::control) {
      auto pipe = RawPipe::start(options.worker);
      if (!pipe) return tl::unexpected(pipe.error());
      subject.control_.emplace(std::move(*pipe));
      return subject;
    }
    const bool all = options.what == Counted::features;
    auto pool_options = all ? features_on(options.worker) : features_off(options.worker);
    pool_options.spin = options.spin;
    std::vector<pool::Sink> sinks;
    if (all) {
      sinks.emplace_back([seen = std::uint64_t{0}](const pool::PoolEvent&) mutable { ++seen; });
    }
    auto pool = pool::Pool::start(pool_options, std::move(sinks));
    if (!pool) return tl::unexpected(pool.error());
    subject.pool_.emplace(std::move(*pool));
    if (all) subject.session_.emplace(subject.pool_->session("counted"));
    return subject;
  }
  // Errors are kept: a block of calls is not interrupted.
  void call(std::uint32_t calls) {
    for (std::uint32_t i = 0; i < calls; ++i) {
      if (control_) {
        auto size = control_->call("echo", args_);
        if (!size) failure_ = size.error().message;
      } else if (session_) {
        auto reply = session_->call("echo", pool::JsonText{args_}, {.idempotent = true});
        if (!reply) failure_ = reply.error().message;
      } else {
        auto reply = pool_->call("echo", pool::JsonText{args_});
        if (!reply) failure_ = reply.error().message;
      }
    }
  }
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  std::string args_;
  std::optional<pool::Pool> pool_;
  std::optional<pool::Session> session_;
  std::optional<RawPipe> control_;
  std::string failure_;
};

void count_untraced(Subject& subject, std::uint32_t calls, Untraced& into) {
  const std::uint64_t allocations = allocations_of_this_thread();
  const long all = sleeps_of(RUSAGE_SELF);
  const long mine = sleeps_of(RUSAGE_THREAD);
  subject.call(calls);
  into.sleeps = sleeps_of(RUSAGE_THREAD) - mine;
  into.sleeps_of_others = sleeps_of(RUSAGE_SELF) - all - into.sleeps;
  into.allocations = allocations_of_this_thread() - allocations;
}

// Now and then a call does what is done once a second. So what is traced is split into sections of
// which the usual one counts: 8 by system call, each call on its own by instruction. What one call
// in 20 does is still seen in each of the 8.
constexpr std::uint32_t sections_by_system_call = 8;

struct Block {
  Watch watch;
  std::uint32_t calls;
};

std::uint32_t calls_in_section(const CountOptions& options) {
  return std::max(options.calls / sections_by_system_call, 1U);
}

// In this order: around no call and around many by system call, then the same by instruction.
std::vector<Block> blocks_of(const CountOptions& options) {
  std::vector<Block> blocks{{Watch::system_calls, 0}};
  blocks.resize(blocks.size() + sections_by_system_call,
                {Watch::system_calls, calls_in_section(options)});
  blocks.push_back({Watch::instructions, 0});
  blocks.resize(blocks.size() + options.calls_by_instruction, {Watch::instructions, 1});
  return blocks;
}

int fail(Untraced& into, const std::string& message) {
  std::snprintf(into.failure.data(), into.failure.size(), "%s", message.c_str());
  return 1;
}

int run_subject(const CountOptions& options, Untraced& untraced) {
  const Pinning pinning{options.pinned};
  auto subject = Subject::make(options);
  if (!subject) return fail(untraced, subject.error().message);
  subject->call(options.warm_up_calls);
  count_untraced(*subject, options.calls, untraced);
  for (const Block& block : blocks_of(options)) {
    mark();
    subject->call(block.calls);
    mark();
  }
  if (!subject->failure().empty()) return fail(untraced, subject->failure());
  return 0;
}

// Of the call with the median count; null if none was traced by instruction.
const Section* usual_call(std::vector<Section>& sections) {
  const auto begin = sections.begin() + 2 + sections_by_system_call;
  if (begin == sections.end()) return nullptr;
  const auto middle = begin + (sections.end() - begin) / 2;
  std::nth_element(begin, middle, sections.end(),
                   [](const Section& a, const Section& b) { return a.count < b.count; });
  return &*middle;
}

void write_functions(const std::string& file, const Section& section) {
  std::ofstream out{file};
  for (const auto& [address, count] : section.addresses) {
    Dl_info where{};
    void* pointer = reinterpret_cast<void*>(address);
    if (dladdr(pointer, &where) == 0) continue;
    const auto base = reinterpret_cast<std::uintptr_t>(where.dli_fbase);
    out << fmt::format("{} {:#x} {}\n", where.dli_fname, address - base, count);
  }
}

std::uint64_t times(const Section& section, long number) {
  const auto found = section.system_calls.find(number);
  return found == section.system_calls.end() ? 0 : found->second;
}

// Of the system calls of a section of calls, those that the usual section makes, beyond the marks'.
void count_system_calls(const CountOptions& options, const std::vector<Section>& sections,
                        CallCounts& counts) {
  const auto begin = sections.begin() + 1;
  const auto end = begin + sections_by_system_call;
  std::set<long> numbers;
  for (auto section = begin; section != end; ++section) {
    for (const auto& [number, made] : section->system_calls) numbers.insert(number);
  }
  for (const long number : numbers) {
    std::vector<std::uint64_t> made;
    for (auto section = begin; section != end; ++section) made.push_back(times(*section, number));
    // The lower of the middle two, so that what fell into half of the sections is still not usual.
    const auto middle = made.begin() + (sections_by_system_call - 1) / 2;
    std::nth_element(made.begin(), middle, made.end());
    const std::uint64_t marks = times(sections.front(), number);
    if (*middle <= marks) continue;
    const double each = static_cast<double>(*middle - marks) / calls_in_section(options);
    counts.by_name[name_of_system_call(number)] += each;
    counts.system_calls += each;
  }
}

CallCounts counts_of(const CountOptions& options, const Untraced& untraced,
                     const std::vector<Section>& sections, const Section* usual) {
  const double calls = options.calls;
  CallCounts counts;
  counts.allocations = static_cast<double>(untraced.allocations) / calls;
  counts.sleeps = static_cast<double>(untraced.sleeps) / calls;
  counts.wake_ups_of_others = static_cast<double>(untraced.sleeps_of_others) / calls;
  count_system_calls(options, sections, counts);
  if (usual != nullptr) {
    const Section& at_rest = sections[1 + sections_by_system_call];
    counts.instructions = static_cast<double>(usual->count - at_rest.count);
  }
  return counts;
}

struct Unmap {
  void operator()(Untraced* shared) const { munmap(shared, sizeof *shared); }
};

}  // namespace

pool::Result<CallCounts> count_calls(const CountOptions& options) {
  void* memory =
      mmap(nullptr, sizeof(Untraced), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return tl::unexpected(pool::make_error(pool::ErrorCode::spawn_failed, "no shared memory"));
  }
  const std::unique_ptr<Untraced, Unmap> untraced{new (memory) Untraced};
  std::vector<Watch> watches;
  for (const Block& block : blocks_of(options)) watches.push_back(block.watch);
  auto sections = trace_fork(watches, [&] { return run_subject(options, *untraced); });
  if (untraced->failure[0] != '\0') {
    return tl::unexpected(
        pool::make_error(pool::ErrorCode::spawn_failed, std::string{untraced->failure.data()}));
  }
  if (!sections) return tl::unexpected(sections.error());
  const Section* usual = usual_call(*sections);
  if (usual != nullptr && !options.functions_file.empty()) {
    write_functions(options.functions_file, *usual);
  }
  return counts_of(options, *untraced, *sections, usual);
}

}  // namespace ordeal::perf
