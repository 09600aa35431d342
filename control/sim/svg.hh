// SPDX-License-Identifier: BSD-3-Clause
// Line charts as SVG: a column of panels. No dependency, and the same bytes every time, so a
// picture in the documentation can be compared with a fresh one.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fairlead::sim {

struct Series {
  std::string name;  // "": not in the legend
  std::vector<std::pair<double, double>> points;
  std::vector<std::pair<double, double>>
      ranges;  // of bars: low and high of each point; may be empty
};

struct Panel {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
  bool log_y = false;
  std::vector<std::string> categories;  // not empty: bars; x of a point is its position
};

/// A whole SVG document.
std::string svg_document(const std::string& title, const std::vector<Panel>& panels);

}  // namespace fairlead::sim
