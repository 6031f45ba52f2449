// One visitor made of several lambdas, for std::visit.
#pragma once

namespace ordeal::pool::runtime {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace ordeal::pool::runtime
