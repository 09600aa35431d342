// SPDX-License-Identifier: BSD-3-Clause
// Reading by libpcap, writing by hand: net_pcap's own writer stamps packets with the clock, which
// would make each run's bytes different.
#include "dataplane/pcap_file.hh"

#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include <sys/stat.h>

#include <pcap/pcap.h>

namespace fairlead::dataplane {
namespace {

struct FileHeader {
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::int32_t zone = 0;
  std::uint32_t sigfigs = 0;
  std::uint32_t snaplen = 262144;
  std::uint32_t link = DLT_EN10MB;
};
static_assert(sizeof(FileHeader) == 24);

}  // namespace

base::Result<PcapSummary> check_pcap(int file, const std::string& path) {
  struct stat info {};
  if (::fstat(file, &info) == 0 && info.st_size == 0) {
    return base::invalid(path + ": file is empty; give a pcap file");
  }
  // By its descriptor, so that it is the same file whatever its name means by now.
  const std::string opened = "/proc/self/fd/" + std::to_string(file);
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> pcap(
      pcap_open_offline(opened.c_str(), why.data()), &pcap_close
  );
  if (!pcap) return base::invalid(path + ": not a pcap file: " + why.data());
  if (const int link = pcap_datalink(pcap.get()); link != DLT_EN10MB) {
    const char* name = pcap_datalink_val_to_name(link);
    return base::invalid(
        path + ": link type " + (name ? name : std::to_string(link)) +
        "; only Ethernet (EN10MB) can be replayed"
    );
  }
  PcapSummary summary;
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int got = 0;
  while ((got = pcap_next_ex(pcap.get(), &header, &bytes)) == 1) {
    ++summary.packets;
    if (header->caplen == 0) {
      return base::invalid(
          path + ": packet " + std::to_string(summary.packets) + " has no bytes; remove it"
      );
    }
    if (header->caplen > header->len) {
      return base::invalid(
          path + ": packet " + std::to_string(summary.packets) + " claims " +
          std::to_string(header->caplen) + " bytes of a packet of " + std::to_string(header->len) +
          "; the file is damaged"
      );
    }
    summary.longest = std::max(summary.longest, header->caplen);
  }
  if (got != PCAP_ERROR_BREAK) {
    return base::invalid(
        path + ": damaged after packet " + std::to_string(summary.packets) + ": " +
        pcap_geterr(pcap.get())
    );
  }
  if (summary.packets == 0) return base::invalid(path + ": holds no packets; nothing to replay");
  return summary;
}

base::Result<PcapWriter> PcapWriter::create(const std::string& path) {
  FL_ASSIGN(sys::OutputFile file, sys::OutputFile::stage(path));
  const FileHeader header;
  std::fwrite(&header, sizeof header, 1, file.file());
  return PcapWriter(std::move(file));
}

void PcapWriter::begin(std::uint64_t time_us, std::uint32_t length) {
  const std::array<std::uint32_t, 4> record = {
      static_cast<std::uint32_t>(time_us / 1000000),
      static_cast<std::uint32_t>(time_us % 1000000),
      length,
      length};
  std::fwrite(record.data(), sizeof record, 1, file_.file());
}

void PcapWriter::append(const void* bytes, std::size_t length) {
  std::fwrite(bytes, 1, length, file_.file());
}

}  // namespace fairlead::dataplane
