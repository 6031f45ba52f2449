#include "testing/contract/apart.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "pool/process/file_descriptor.hpp"
#include "pool/runtime/clock.hpp"
#include "testing/leaks/leak_check.hpp"
#include "testing/timeouts/timeouts.hpp"

namespace ordeal::trial {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using pool::process::FileDescriptor;
using pool::runtime::Instant;

// A function of the pool that does not come back for so many times the patience never will: the
// director itself waits at most that once before it says what it does next.
constexpr int patiences_max = 2;

// --- Inside: one line of JSON for each thing that there is to say.

void say(int line, const Json& what) {
  const std::string text = what.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (std::size_t said = 0; said < text.size();) {
    const ssize_t count = ::write(line, text.data() + said, text.size() - said);
    if (count < 0 && errno != EINTR) ::_exit(EXIT_FAILURE);
    said += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
}

Json as_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"kind", static_cast<int>(finding.kind)}, {"sentence", finding.sentence}});
  }
  return list;
}

std::vector<int> as_numbers(const std::vector<Capability>& capabilities) {
  std::vector<int> numbers;
  for (const Capability what : capabilities) numbers.push_back(static_cast<int>(what));
  return numbers;
}

Finding as_finding(const Leak& leak) {
  switch (leak.kind) {
    case LeakKind::process:
      return {FindingKind::orphan, leak.what + " lives on after the pool is gone: an orphan"};
    case LeakKind::zombie:
      return {FindingKind::zombie,
              leak.what + " has ended, and nobody has asked for its status (waitpid): a zombie"};
    default:
      return {FindingKind::leaves_behind, leak.what + " is still there after the pool is gone"};
  }
}

void run_inside(const Scenario& scenario, const MakeWorld& make_world, TrialOptions options,
                int line, const std::string& folder) {
  const Watched watched{.marker = {}, .temp_folder = folder};
  const Snapshot before = take_snapshot(watched);
  options.on_step = [line](const Progress& step) {
    say(line, {{"doing", step.doing}, {"most", step.most.count()}});
  };
  // The report is there before the pool's destructor runs, which may hang or crash.
  options.on_report = [line](const Report& made) {
    say(line, {{"verdict", static_cast<int>(made.verdict)},
               {"wanting", as_numbers(made.wanting)},
               {"findings", as_json(made.findings)},
               {"doing", "destroy the pool"}});
  };
  const Report report = run_scenario(scenario, make_world, options);
  std::vector<Finding> left;
  for (const Leak& leak : leaks_since(before, watched, options.patience)) {
    // Whom the stage had to kill is a zombie now by our doing.
    if (leak.kind == LeakKind::zombie && report.found(FindingKind::orphan)) continue;
    left.push_back(as_finding(leak));
  }
  say(line, {{"left", as_json(left)}, {"took", report.took.count()}});
}

// --- Outside.

class Apart {
 public:
  Apart(const Scenario& scenario, const MakeWorld& make_world, const TrialOptions& options)
      : patience_(options.patience) {
    report_.scenario = scenario.family + "." + scenario.name;
    folder_ = (fs::temp_directory_path() / "trial-XXXXXX").string();
    int ends[2];
    if (::mkdtemp(folder_.data()) == nullptr || ::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), folder_);
    }
    line_ = FileDescriptor{ends[0]};
    FileDescriptor other_end{ends[1]};
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::setenv("TMPDIR", folder_.c_str(), 1);
      try {
        run_inside(scenario, make_world, options, other_end.get(), folder_);
      } catch (const std::exception& thrown) {
        say(other_end.get(), {{"threw", thrown.what()}});
      }
      ::_exit(EXIT_SUCCESS);
    }
    ::setpgid(pid_, pid_);  // whoever of the two comes first
    wait_no_longer_than(milliseconds{0});
  }

  [[nodiscard]] int line() const { return line_.get(); }
  [[nodiscard]] Instant deadline() const { return deadline_; }

  // False: it has said its last word.
  [[nodiscard]] bool listen() {
    char chunk[4096];
    const ssize_t count = ::read(line_.get(), chunk, sizeof chunk);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (count <= 0) return false;
    said_.append(chunk, static_cast<std::size_t>(count));
    for (std::size_t end = said_.find('\n'); end != std::string::npos; end = said_.find('\n')) {
      heed(Json::parse(said_.substr(0, end)));
      said_.erase(0, end + 1);
    }
    return !complete_;  // an orphan may hold the other end
  }

  // Its end, and that of all that it started.
  [[nodiscard]] Report finish(bool hangs) {
    siginfo_t ended{};
    if (!hangs) (void)::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT);
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    if (hangs && !report_.found(FindingKind::does_not_stop)) {
      add(FindingKind::hangs,
          fmt::format("the pool does not return: the scenario was to {}", doing_));
    } else if (!hangs && ended.si_code != CLD_EXITED) {
      add(FindingKind::crashes,
          fmt::format("the pool ends its own process with signal {} ({}{}): the scenario was to {}",
                      ended.si_status, ::strsignal(ended.si_status),
                      ended.si_status == SIGPIPE ? ", a write to a worker that is dead" : "",
                      doing_));
    } else if (!hangs && !complete_) {
      add(FindingKind::crashes, fmt::format("the pool ends its own process with exit code {}: the "
                                            "scenario was to {}",
                                            ended.si_status, doing_));
    }
    if (!report_.findings.empty() && report_.verdict == TrialVerdict::passed) {
      report_.verdict = TrialVerdict::failed;
    }
    return std::move(report_);
  }

 private:
  void add(FindingKind kind, std::string sentence) {
    report_.findings.push_back({kind, std::move(sentence)});
  }
  void add(const Json& findings) {
    for (const Json& finding : findings) {
      add(static_cast<FindingKind>(finding["kind"].get<int>()),
          finding["sentence"].get<std::string>());
    }
  }
  void wait_no_longer_than(milliseconds most) {
    deadline_ = pool::core::after(pool::runtime::now(), patiences_max * patience_ + most);
  }
  void heed(const Json& what) {
    if (what.contains("doing")) doing_ = what["doing"];
    wait_no_longer_than(milliseconds{what.value("most", 0)});
    if (what.contains("verdict")) {
      report_.verdict = static_cast<TrialVerdict>(what["verdict"].get<int>());
      for (const int number : what["wanting"]) {
        report_.wanting.push_back(static_cast<Capability>(number));
      }
      add(what["findings"]);
    }
    if (what.contains("threw")) {
      add(FindingKind::crashes,
          fmt::format("the pool throws \"{}\" at its caller: the scenario was "
                      "to {}",
                      what["threw"].get<std::string>(), doing_));
      complete_ = true;
    }
    if (what.contains("left")) {
      add(what["left"]);
      report_.took = milliseconds{what["took"].get<std::int64_t>()};
      complete_ = true;
    }
  }

  const milliseconds patience_;
  Report report_;
  std::string folder_;
  FileDescriptor line_;
  pid_t pid_ = 0;
  Instant deadline_{};
  std::string said_;
  std::string doing_ = "begin";
  bool complete_ = false;
};

}  // namespace

std::vector<Report> run_apart(const std::vector<Case>& cases, const TrialOptions& options) {
  std::vector<Report> reports(cases.size());
  std::map<std::size_t, Apart> running;
  std::size_t next = 0;
  while (next < cases.size() || !running.empty()) {
    while (next < cases.size() && running.size() < std::max(options.at_once, 1U)) {
      running.try_emplace(next, *cases[next].scenario, cases[next].make_world, options);
      ++next;
    }
    std::vector<pollfd> watched;
    Instant deadline = pool::core::never;
    for (const auto& [number, one] : running) {
      watched.push_back({.fd = one.line(), .events = POLLIN, .revents = 0});
      deadline = std::min(deadline, one.deadline());
    }
    declare_deadline(deadline);
    (void)pool::runtime::poll_until(watched, deadline);
    std::size_t i = 0;
    for (auto it = running.begin(); it != running.end(); ++i) {
      const bool goes_on = watched[i].revents == 0 || it->second.listen();
      const bool hangs = goes_on && it->second.deadline() <= pool::runtime::now();
      if (!goes_on || hangs) {
        reports[it->first] = it->second.finish(hangs);
        it = running.erase(it);
      } else {
        ++it;
      }
    }
  }
  return reports;
}

std::vector<Report> run_contract_apart(const MakeWorld& make_world, const TrialOptions& options) {
  std::vector<Case> all;
  for (const Scenario& scenario : contract()) all.push_back({&scenario, make_world});
  return run_apart(all, options);
}

}  // namespace ordeal::trial
