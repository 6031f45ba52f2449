#include "testing/load/load_result.hpp"

#include <algorithm>

namespace ordeal::trial {
namespace {

void add_up(std::vector<std::uint64_t>& sums, const std::vector<std::uint64_t>& more) {
  sums.resize(std::max(sums.size(), more.size()));
  for (std::size_t i = 0; i < more.size(); ++i) sums[i] += more[i];
}

}  // namespace

void LoadResult::count(const CallEnd& end) {
  switch (end.outcome) {
    case Outcome::ok:
      ++ok;
      return;
    case Outcome::failed:
      ++failed;
      break;
    case Outcome::pending:  // nobody knows: as good as
    case Outcome::lost:
    case Outcome::indeterminate:
      ++indeterminate;
      break;
  }
  const std::string_view code = end.code.empty() ? "unknown" : end.code;
  const auto known = errors.find(code);
  if (known == errors.end()) {
    errors.emplace(code, 1);
  } else {
    ++known->second;
  }
}

void LoadResult::merge(const LoadResult& other) {
  planned += other.planned;
  ok += other.ok;
  failed += other.failed;
  indeterminate += other.indeterminate;
  omitted += other.omitted;
  late += other.late;
  for (const auto& [code, times] : other.errors) errors[code] += times;
  response.merge(other.response);
  service.merge(other.service);
  lag.merge(other.lag);
  length = std::max(length, other.length);
  ok_by_caller.insert(ok_by_caller.end(), other.ok_by_caller.begin(), other.ok_by_caller.end());
  add_up(ok_by_slice, other.ok_by_slice);
  add_up(due_by_slice, other.due_by_slice);
}

double LoadResult::success_rate() const {
  return planned == 0 ? 1 : static_cast<double>(ok) / static_cast<double>(planned);
}

double LoadResult::throughput_per_s() const {
  return length.count() <= 0
             ? 0
             : static_cast<double>(ok) / std::chrono::duration<double>(length).count();
}

}  // namespace ordeal::trial
