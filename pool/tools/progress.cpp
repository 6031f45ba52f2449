#include "pool/tools/progress.hpp"

#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

namespace ordeal::pool::tools {
namespace {

constexpr std::chrono::milliseconds redraw_pause{250};
constexpr std::string_view clear_line = "\r\x1b[K";

double seconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

// Best effort: there is nowhere to say that standard error is gone.
void write_error(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

void Counts::count(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      ++ok;
      break;
    case Outcome::failed:
      ++failed;
      break;
    case Outcome::indeterminate:
      ++indeterminate;
      break;
  }
}

Progress::Progress(Clock::time_point started)
    : started_(started), terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::redraw(const Counts& counts, Clock::time_point now) {
  if (!terminal_ || (drawn_ && now - drawn_at_ < redraw_pause)) return;
  drawn_ = true;
  drawn_at_ = now;
  write_error(fmt::format("{}{} done, {} failed, {} in flight, {:.0f}/s", clear_line, counts.done(),
                          counts.failed + counts.indeterminate, counts.in_flight(),
                          per_second(counts.done(), elapsed(now))));
}

void Progress::say(std::string_view message) {
  write_error(fmt::format("{}ordeal-pool: {}\n", drawn_ ? clear_line : "", message));
  drawn_ = false;
}

double per_second(std::uint64_t count, std::chrono::nanoseconds elapsed) {
  return elapsed.count() <= 0 ? 0.0 : static_cast<double>(count) / seconds(elapsed);
}

std::string summary(const Counts& counts, std::chrono::nanoseconds elapsed, const Status& status) {
  std::string text =
      fmt::format("{} request{}: {} ok, {} failed, {} indeterminate in {:.2f} s ({:.0f}/s)",
                  counts.lines, counts.lines == 1 ? "" : "s", counts.ok, counts.failed,
                  counts.indeterminate, seconds(elapsed), per_second(counts.done(), elapsed));
  if (status.workers_lost > 0) {
    text +=
        fmt::format("; {} worker{} lost", status.workers_lost, status.workers_lost == 1 ? "" : "s");
  }
  if (status.events_dropped + status.sink_failures > 0) {
    text += fmt::format("; {} events dropped, {} not written", status.events_dropped,
                        status.sink_failures);
  }
  return text;
}

}  // namespace ordeal::pool::tools
