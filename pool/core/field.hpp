// A named member of a struct, so that what prints, reads and compares structs needs no code of its
// own for each: `static constexpr auto fields() { return std::tuple{field("size", &S::size)}; }`.
#pragma once

namespace ordeal::pool::core {

template <typename Struct, typename Member>
struct Field {
  const char* name;
  Member Struct::*member;
};
template <typename Struct, typename Member>
constexpr Field<Struct, Member> field(const char* name, Member Struct::*member) {
  return {name, member};
}

}  // namespace ordeal::pool::core
