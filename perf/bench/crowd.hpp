// Others who keep every CPU busy: one computing process for each, until destroyed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace ordeal::perf {

class Crowd {
 public:
  // REQUIRES: this process has one thread (it forks).
  explicit Crowd(std::uint32_t size);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  std::vector<pid_t> members_;
};

}  // namespace ordeal::perf
