// Events as JSON lines.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ordeal/pool/observe.hpp"
#include "pool/process/file_descriptor.hpp"
#include "pool/wire/json_text.hpp"

namespace ordeal::pool {
namespace {

using std::chrono::system_clock;

// Cut at a character, so that the line stays UTF-8.
std::string bounded(const std::string& text) {
  if (text.size() <= observe_text_bytes_max) return text;
  const std::string head = text.substr(0, observe_text_bytes_max - 3);
  return head.substr(0, wire::valid_utf8_prefix(head)) + "...";
}

std::string utc(system_clock::time_point time) {
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(microseconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(system_clock::to_time_t(seconds)),
                     (microseconds - seconds).count());
}

class LineFile {
 public:
  explicit LineFile(process::FileDescriptor file) : file_(std::move(file)) {}

  void append(std::string line) {
    line += '\n';
    if (torn_) line.insert(line.begin(), '\n');
    std::size_t written = 0;
    while (written < line.size()) {
      const ssize_t count = ::write(file_.get(), line.data() + written, line.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        torn_ = torn_ || written > 0;
        throw std::system_error(errno, std::generic_category(), "events file");
      }
      written += static_cast<std::size_t>(count);
    }
    torn_ = false;
  }

 private:
  process::FileDescriptor file_;
  bool torn_ = false;  // the last line was written in part
};

Result<process::FileDescriptor> open_owner_only(const std::string& path) {
  const auto refuse = [&](const std::string& reason) {
    return tl::unexpected(
        make_error(ErrorCode::invalid_option, fmt::format("events file {}: {}", path, reason)));
  };
  // Not blocking: a named pipe without a reader is an error at once, not a hang.
  process::FileDescriptor file{::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600)};
  if (!file) return refuse(std::generic_category().message(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse(std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) return file;  // a terminal, a pipe: its owner decided already
  if (status.st_uid != ::geteuid()) {
    return refuse(fmt::format("it belongs to user {}, not to user {}", status.st_uid, ::geteuid()));
  }
  if ((status.st_mode & 0177) != 0 && ::fchmod(file.get(), 0600) != 0) {
    return refuse(std::generic_category().message(errno));
  }
  return file;
}

}  // namespace

std::string to_json_line(const PoolEvent& event, system_clock::time_point time) {
  nlohmann::ordered_json line;
  line["time"] = utc(time);
  line["at_ns"] = std::chrono::nanoseconds{event.at.time_since_epoch()}.count();
  line["event"] = event.what;
  if (event.request != 0) line["request"] = event.request;
  if (event.worker != 0) line["worker"] = event.worker;
  if (event.what == "request_resolved") {
    line["outcome"] =
        event.code == ErrorCode::none ? "ok" : to_string(certainty_of(event.code, event.maybe_ran));
  }
  if (event.code != ErrorCode::none) {
    line["code"] = to_string(event.code);
    line["severity"] = to_string(traits(event.code).severity);
  }
  if (!event.from.empty()) line["from"] = event.from;
  if (!event.to.empty()) line["to"] = event.to;
  if (!event.reason.empty()) line["reason"] = event.reason;
  if (event.count != 0) line["count"] = event.count;
  if (event.duration.count() != 0) line["duration_ns"] = event.duration.count();
  if (!event.breaker.empty()) line["breaker"] = bounded(event.breaker);
  if (!event.label.empty()) line["label"] = bounded(event.label);
  if (!event.traceparent.empty()) line["traceparent"] = bounded(event.traceparent);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Sink> json_lines_sink(const std::string& path) {
  auto file = open_owner_only(path);
  if (!file) return tl::unexpected(std::move(file.error()));
  auto lines = std::make_shared<LineFile>(std::move(*file));
  return Sink{[lines](const PoolEvent& event) {
    const auto age = std::chrono::steady_clock::now() - event.at;
    const auto time = system_clock::now() - std::chrono::duration_cast<system_clock::duration>(age);
    lines->append(to_json_line(event, time));
  }};
}

}  // namespace ordeal::pool
