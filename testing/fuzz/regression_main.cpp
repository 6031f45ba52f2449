// Runs a fuzzer's target without libFuzzer, so with any compiler: on each file of a corpus, on each
// beginning of it, and on so many mutations drawn from a fixed seed.
//
//   <target> FOLDER [MUTATIONS]        default: 100 of each file
//
// Exit code 0; a finding aborts, and what it was found with is in ./crash-input.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <vector>

#include "pool/core/random.hpp"
#include "testing/fuzz/choices.hpp"

namespace {

using ordeal::pool::core::Random;

const std::string* current = nullptr;

// What a finding was found with. Only what a signal's handler may do.
void keep_input(int signal) {
  const int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (current != nullptr) (void)!write(file, current->data(), current->size());
  (void)std::signal(signal, SIG_DFL);
  (void)std::raise(signal);
}

void run(const std::string& input) {
  current = &input;
  // A buffer of exactly this size, so that a sanitizer sees who reads beyond.
  const std::vector<std::uint8_t> bytes{input.begin(), input.end()};
  (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string mutated(std::string text, const std::string& other, Random& random) {
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    const std::size_t at = random.below(text.size() + 1);
    switch (random.below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
        break;
      case 2:
        text.erase(at, random.below(8));
        break;
      case 3:
        text.insert(at, 1 + random.below(4), static_cast<char>(random.below(256)));
        break;
      default:
        text.insert(at, other.substr(random.below(other.size() + 1), random.below(40)));
        break;
    }
  }
  return text;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::cerr << "usage: " << arguments[0] << " FOLDER [MUTATIONS]\n";
    return 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV}) (void)std::signal(signal, keep_input);
  const unsigned long mutations = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 100;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{arguments[1]}) {
    files.insert(entry.path());
  }
  Random random{1};
  std::string before;
  std::size_t inputs = 0;
  for (const auto& path : files) {
    std::ifstream file{path, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const std::size_t step = 1 + text.size() / 50;
    for (std::size_t size = 0; size < text.size(); size += step, ++inputs)
      run(text.substr(0, size));
    run(text);
    for (unsigned long i = 0; i < mutations; ++i) run(mutated(text, before, random));
    inputs += 1 + mutations;
    before = text;
  }
  std::cout << files.size() << " files, " << inputs << " inputs, no finding\n";
  return files.empty() ? 1 : 0;
}
