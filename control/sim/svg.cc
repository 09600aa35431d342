// SPDX-License-Identifier: BSD-3-Clause
// Axes, lines, bars.
#include "control/sim/svg.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace fairlead::sim {

namespace {

constexpr double kWidth = 860;
constexpr double kPanelHeight = 300;
constexpr double kLeft = 70;
constexpr double kRight = 190;  // room for the legend
constexpr double kTop = 34;
constexpr double kBottom = 44;
constexpr std::array<const char*, 10> kColours = {
    "#1f77b4",
    "#d62728",
    "#2ca02c",
    "#ff7f0e",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

template <typename... Args>
void append(std::string& out, const char* format, Args... args) {
  char text[512];
  const int length = std::snprintf(text, sizeof text, format, args...);
  out.append(text, static_cast<std::size_t>(std::clamp<int>(length, 0, sizeof text - 1)));
}

void text_at(std::string& out, double x, double y, const char* anchor, const std::string& text) {
  append(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  out += escaped(text) + "</text>\n";
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

struct Axis {
  double low = 0;
  double high = 1;
  bool log = false;
  double from = 0;  // pixels
  double to = 1;

  [[nodiscard]] double place(double value) const {
    const double part = log ? std::log10(std::max(value, low) / low) / std::log10(high / low)
                            : (value - low) / (high - low);
    return from + part * (to - from);
  }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> result;
    if (log) {
      for (double t = std::pow(10, std::floor(std::log10(low))); t <= high * 1.0001; t *= 10)
        for (const double m : {1.0, 2.0, 5.0})
          if (t * m >= low * 0.999 && t * m <= high * 1.001) result.push_back(t * m);
      return result;
    }
    const double raw = (high - low) / 5;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    double step = power;
    for (const double m : {1.0, 2.0, 5.0, 10.0})
      if (power * m <= raw * 1.0001) step = power * m;
    for (double t = std::ceil(low / step) * step; t <= high + step * 1e-6; t += step)
      result.push_back(std::abs(t) < step * 1e-6 ? 0 : t);
    return result;
  }
};

Axis axis_of(const Panel& panel, bool vertical) {
  Axis axis;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  const auto include = [&](double value) {
    if (vertical && panel.log_y && value <= 0) return;
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const Series& s : panel.series) {
    for (const auto& [x, y] : s.points) include(vertical ? y : x);
    for (const auto& [from, to] : s.ranges)
      if (vertical) include(to);
  }
  if (low > high) low = high = 1;
  axis.log = vertical && panel.log_y;
  if (!vertical && !panel.categories.empty()) {
    low = -0.5;
    high = static_cast<double>(panel.categories.size()) - 0.5;
  } else if (vertical && !axis.log) {
    low = std::min(0.0, low);
    high *= 1.05;
  }
  if (axis.log) high *= 1.1;
  if (axis.log && !panel.categories.empty()) low *= 0.9;  // the lowest bar is a bar, too
  if (high <= low) high = low + (low == 0 ? 1 : std::abs(low));
  axis.low = low;
  axis.high = high;
  return axis;
}

void draw_frame(std::string& out, const Panel& panel, const Axis& x, const Axis& y) {
  append(
      out,
      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
      "stroke=\"#999\"/>\n",
      x.from,
      y.to,
      x.to - x.from,
      y.from - y.to
  );
  for (const double t : y.ticks()) {
    append(
        out,
        "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e5e5e5\"/>\n",
        x.from,
        x.to,
        y.place(t),
        y.place(t)
    );
    text_at(out, x.from - 6, y.place(t) + 4, "end", short_number(t));
  }
  if (panel.categories.empty()) {
    for (const double t : x.ticks())
      text_at(out, x.place(t), y.from + 16, "middle", short_number(t));
  } else {
    for (std::size_t i = 0; i < panel.categories.size(); ++i)
      text_at(out, x.place(static_cast<double>(i)), y.from + 16, "middle", panel.categories[i]);
  }
  text_at(out, (x.from + x.to) / 2, y.from + 34, "middle", panel.x_label);
  text_at(out, x.from, y.to - 8, "start", panel.title + " (" + panel.y_label + ")");
}

void draw_bars(std::string& out, const Panel& panel, const Axis& x, const Axis& y) {
  const double slot = (x.to - x.from) / static_cast<double>(panel.categories.size());
  const double width = 0.8 * slot / static_cast<double>(panel.series.size());
  for (std::size_t i = 0; i < panel.series.size(); ++i)
    for (const auto& [at, value] : panel.series[i].points) {
      const double left = x.place(at) - 0.4 * slot + width * static_cast<double>(i);
      const double top = y.place(value);
      append(
          out,
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
          left,
          top,
          width,
          std::max(0.0, y.from - top),
          kColours[i % kColours.size()]
      );
    }
  for (std::size_t i = 0; i < panel.series.size(); ++i)
    for (std::size_t p = 0; p < panel.series[i].ranges.size(); ++p) {
      const double middle = x.place(panel.series[i].points[p].first) - 0.4 * slot +
                            width * (static_cast<double>(i) + 0.5);
      append(
          out,
          "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"black\"/>\n",
          middle,
          middle,
          y.place(panel.series[i].ranges[p].first),
          y.place(panel.series[i].ranges[p].second)
      );
    }
}

void draw_lines(std::string& out, const Panel& panel, const Axis& x, const Axis& y) {
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    append(
        out,
        "<polyline fill=\"none\" stroke-width=\"1.3\" stroke=\"%s\" points=\"",
        kColours[i % kColours.size()]
    );
    for (const auto& [px, py] : panel.series[i].points)
      append(out, "%.1f,%.1f ", x.place(px), y.place(py));
    out += "\"/>\n";
  }
}

void draw_panel(std::string& out, const Panel& panel, double top) {
  Axis x = axis_of(panel, false);
  Axis y = axis_of(panel, true);
  x.from = kLeft;
  x.to = kWidth - kRight;
  y.from = top + kPanelHeight - kBottom;
  y.to = top + kTop;
  draw_frame(out, panel, x, y);
  if (panel.categories.empty()) {
    draw_lines(out, panel, x, y);
  } else {
    draw_bars(out, panel, x, y);
  }
  double legend = y.to + 10;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].name.empty()) continue;
    append(
        out,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"4\" fill=\"%s\"/>\n",
        x.to + 10,
        legend - 4,
        kColours[i % kColours.size()]
    );
    text_at(out, x.to + 30, legend, "start", panel.series[i].name);
    legend += 16;
  }
}

}  // namespace

std::string svg_document(const std::string& title, const std::vector<Panel>& panels) {
  std::string out;
  const double height = 30 + kPanelHeight * static_cast<double>(panels.size());
  append(
      out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" "
      "fill=\"white\"/>\n",
      kWidth,
      height
  );
  out += "<g font-size=\"14\">";
  text_at(out, kWidth / 2, 20, "middle", title);
  out += "</g>\n";
  for (std::size_t i = 0; i < panels.size(); ++i)
    draw_panel(out, panels[i], 30 + kPanelHeight * static_cast<double>(i));
  return out + "</svg>\n";
}

}  // namespace fairlead::sim
