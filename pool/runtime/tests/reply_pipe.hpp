// A worker's reply pipe, both ends, for tests of those who read it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "pool/process/file_descriptor.hpp"

namespace ordeal::pool::runtime {

class OnReplyPipe : public testing::Test {
 protected:
  void SetUp() override {
    auto pipe = process::make_pipe({.read_end_non_blocking = true});
    ASSERT_TRUE(pipe);
    reader_ = std::move(pipe->read_end);
    writer_ = std::move(pipe->write_end);
  }
  void worker_writes(std::string_view bytes) {
    ASSERT_EQ(write(writer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  process::FileDescriptor reader_;
  process::FileDescriptor writer_;
};

}  // namespace ordeal::pool::runtime
