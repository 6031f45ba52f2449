// Mode `registry`: whatever tests find by name (pools, stores, services) is found only by the test
// that entered it.
//
// There is one current registry; an OwnRegistry is current while it lives. At its end it lets go of
// what was entered, the newest first. Isolates: names within the process. Not: what things do.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <typeindex>
#include <vector>

namespace ordeal::trial {

class Registry {
 public:
  Registry() = default;
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Of the innermost OwnRegistry; without one, the program's.
  [[nodiscard]] static Registry& current();

  // False: the name is taken, and stays so.
  template <typename T>
  [[nodiscard]] bool enter(const std::string& name, std::shared_ptr<T> thing) {
    return enter_any(name, std::move(thing), typeid(T));
  }
  // Null: nobody has that name, or it is no T.
  template <typename T>
  [[nodiscard]] std::shared_ptr<T> find(const std::string& name) const {
    return std::static_pointer_cast<T>(find_any(name, typeid(T)));
  }
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<void> thing;
    std::type_index type;
  };
  bool enter_any(const std::string& name, std::shared_ptr<void> thing, std::type_index type);
  [[nodiscard]] std::shared_ptr<void> find_any(const std::string& name, std::type_index type) const;

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // in the order of entering; guarded by mutex_
};

class OwnRegistry {
 public:
  OwnRegistry();
  ~OwnRegistry();
  OwnRegistry(const OwnRegistry&) = delete;
  OwnRegistry& operator=(const OwnRegistry&) = delete;

 private:
  Registry own_;
  Registry* before_;
};

}  // namespace ordeal::trial
