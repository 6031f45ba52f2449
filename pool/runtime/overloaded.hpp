// One visitor made of several lambdas, for std::visit.
#pragma once

namespace ordeal::pool::runtime {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
// For compilers before C++20's own deduction for aggregates (clang 14).
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace ordeal::pool::runtime
