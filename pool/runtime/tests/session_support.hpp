// What the tests of sessions and the host that they kill say to a worker.
#pragma once

#include <string>
#include <vector>

#include "ordeal/pool/session.hpp"
#include "pool/runtime/tests/support.hpp"

namespace ordeal::pool {

// Mock workers that answer without a key.
inline Options session_options(std::uint32_t size, const std::vector<std::string>& flags = {}) {
  Options options = mock_options(size, flags);
  options.environment["GEMINI_API_KEY"] = "none";
  return options;
}

// Those that look for the session in their arguments, as a plain bridge does.
inline Options plain_session_options(std::uint32_t size) {
  return session_options(size, {"--protocol", "none"});
}

// A program whose one output is the field `output`: what it answers shows which program it was.
inline Json program_named(const std::string& id, const std::string& output) {
  return {{"id", id},
          {"signature",
           {{"inputs", {{{"name", "question"}, {"type", "string"}}}},
            {"outputs", {{{"name", output}, {"type", "string"}}}}}}};
}

inline Json run_of(const std::string& id, const std::string& question) {
  return {{"program_id", id}, {"inputs", {{"question", question}}}};
}

// CRC-32 as zlib's, bit by bit; python_mock/README.md, "Mock answers".
inline std::uint32_t crc_32(const std::string& bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

// What the mock answers, by its README.
inline Json outputs_of(const std::string& output, const std::string& question) {
  const std::uint32_t hash = crc_32(output + "\n{\"question\":\"" + question + "\"}");
  return {{output, "mock_response_" + output + "_" + std::to_string(hash)}};
}

}  // namespace ordeal::pool
