// Mode `basic`: names and a folder that no other test has, also of another program or run.
// Isolates: files, sockets, pools, sessions that tests name. Not: anything that is not named by it.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::trial {

class OwnNames {
 public:
  OwnNames();
  ~OwnNames();  // removes the folder with all that is in it
  OwnNames(const OwnNames&) = delete;
  OwnNames& operator=(const OwnNames&) = delete;

  [[nodiscard]] const std::string& test_id() const { return id_; }
  [[nodiscard]] std::string name(std::string_view what) const;  // "pool-812-3"
  // Made at the first call. Throws std::system_error if that fails.
  [[nodiscard]] const std::string& folder();

 private:
  std::string id_;
  std::string folder_;
};

}  // namespace ordeal::trial
