// SPDX-License-Identifier: BSD-3-Clause
// What nodes count: connections open at each backend, per node and in sum.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fairlead::sim {

class OpenCounts {
 public:
  OpenCounts(std::uint32_t nodes, std::uint32_t backends)
      : backends_(backends), own_(std::size_t{nodes} * backends), total_(backends) {}

  void open(std::uint32_t node, std::uint32_t backend) {
    ++own_[std::size_t{node} * backends_ + backend];
    ++total_[backend];
  }
  void close(std::uint32_t node, std::uint32_t backend) {
    --own_[std::size_t{node} * backends_ + backend];
    --total_[backend];
  }
  [[nodiscard]] std::span<const std::uint32_t> own(std::uint32_t node) const {
    return std::span(own_).subspan(std::size_t{node} * backends_, backends_);
  }
  [[nodiscard]] std::span<const std::uint32_t> total() const { return total_; }
  [[nodiscard]] std::uint32_t backends() const { return backends_; }

 private:
  std::uint32_t backends_;
  std::vector<std::uint32_t> own_;  // by node, then backend
  std::vector<std::uint32_t> total_;
};

}  // namespace fairlead::sim
