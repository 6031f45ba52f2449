// A quick look at short texts: whether they are plainly a JSON object. Internal to pool/wire.
//
// It knows only what most arguments are made of: ASCII, no escapes, whole numbers, a space here and
// there, a few levels. "Yes" is sure; "no" means only that somebody must look closer (json_scan).
// For arguments of 100 bytes it costs a fifth of the close look, on the way of each call.
// Thread-safe.
#pragma once

#include <string_view>

#include "pool/wire/json_scan.hpp"

namespace ordeal::pool::wire {

// Reports the members of the outermost object on its way, if there is somebody to report to; also
// the first ones of a text of which it then says "no".
[[nodiscard]] bool is_plainly_an_object(std::string_view text, OnMember on_member = nullptr,
                                        void* context = nullptr);

// Whether `text` is a JSON object to its last byte, and its members: a quick look does for short
// and plain texts. `begin` is called before the first member, perhaps a second time.
template <typename Begin, typename Callable>
[[nodiscard]] bool scan_object(std::string_view text, Begin begin, Callable on_member) {
  const OnMember forward = [](void* context, std::string_view key, std::string_view value) {
    (*static_cast<Callable*>(context))(key, value);
  };
  begin();
  if (is_plainly_an_object(text, forward, &on_member)) return true;
  begin();
  return !scan_members(text, Constants::refused, on_member) && kind_of(text) == JsonKind::object;
}

}  // namespace ordeal::pool::wire
