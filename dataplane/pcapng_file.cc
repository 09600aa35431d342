// SPDX-License-Identifier: BSD-3-Clause
// The blocks of a pcapng file.
#include "dataplane/pcapng_file.hh"

#include <utility>

namespace fairlead::dataplane {
namespace {

constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kStatistics = 5;
constexpr std::uint32_t kPacket = 6;
constexpr std::uint16_t kEthernet = 1;

constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint16_t kStatisticsDropped = 7;  // isb_osdrop

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_padded(std::string& out, std::string_view bytes) {
  out.append(bytes);
  out.append((4 - bytes.size() % 4) % 4, '\0');
}

void put_option(std::string& out, std::uint16_t code, std::string_view value) {
  put(out, code);
  put(out, static_cast<std::uint16_t>(value.size()));
  put_padded(out, value);
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void put_time(std::string& out, std::uint64_t ns) {
  put(out, static_cast<std::uint32_t>(ns >> 32));
  put(out, static_cast<std::uint32_t>(ns));
}

void end_options(std::string& out) {
  put(out, std::uint32_t{0});
}

}  // namespace

base::Result<PcapngWriter> PcapngWriter::create(const std::string& path) {
  FL_ASSIGN(sys::OutputFile file, sys::OutputFile::stage(path));
  PcapngWriter writer(std::move(file));
  std::string body;
  put(body, kByteOrder);
  put(body, std::uint16_t{1});  // version 1.0
  put(body, std::uint16_t{0});
  put(body, ~std::uint64_t{0});  // length of the section: not told
  writer.block(kSection, body);
  return writer;
}

void PcapngWriter::block(std::uint32_t type, const std::string& body) {
  std::string out;
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put(out, type);
  put(out, length);
  out += body;
  put(out, length);
  std::fwrite(out.data(), 1, out.size(), file_.file());
}

void PcapngWriter::add_interface(const std::string& name) {
  std::string body;
  put(body, kEthernet);
  put(body, std::uint16_t{0});
  put(body, std::uint32_t{0});  // frames of any length
  put_option(body, kInterfaceName, name);
  put_option(body, kInterfaceResolution, std::string_view("\x09", 1));  // 10^-9 s
  end_options(body);
  block(kInterface, body);
}

void PcapngWriter::add(const PcapngPacket& packet) {
  std::string body;
  put(body, packet.interface);
  put_time(body, packet.realtime_ns);
  put(body, static_cast<std::uint32_t>(packet.frame.size()));
  put(body, packet.bytes);
  put_padded(body, {reinterpret_cast<const char*>(packet.frame.data()), packet.frame.size()});
  const auto flags = static_cast<std::uint32_t>(packet.direction);
  put_option(body, kPacketFlags, bytes_of(flags));
  if (!packet.comment.empty()) put_option(body, kComment, packet.comment);
  end_options(body);
  block(kPacket, body);
}

void PcapngWriter::add_skipped(std::uint64_t packets, std::uint64_t realtime_ns) {
  std::string body;
  put(body, std::uint32_t{0});
  put_time(body, realtime_ns);
  put_option(body, kStatisticsDropped, bytes_of(packets));
  end_options(body);
  block(kStatistics, body);
}

}  // namespace fairlead::dataplane
