// SPDX-License-Identifier: BSD-3-Clause
// Reading by libpcap, writing by hand: net_pcap's own writer stamps packets with the clock, which
// would make each run's bytes different.
#include "dataplane/pcap_file.hh"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

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

constexpr std::size_t kBufferBytes = 1 << 20;

base::Result<void> check_regular(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return base::invalid(
        path + ": " + (errno == ENOENT ? "no such file" : "cannot be read") +
        "; give a pcap file to --replay"
    );
  }
  if (!S_ISREG(info.st_mode)) return base::invalid(path + ": not a regular file; give a pcap file");
  if (info.st_size == 0) return base::invalid(path + ": file is empty; give a pcap file");
  return {};
}

}  // namespace

base::Result<PcapSummary> check_pcap(const std::string& path) {
  FL_TRY(check_regular(path));
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> pcap(
      pcap_open_offline(path.c_str(), why.data()), &pcap_close
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

base::Result<std::FILE*> open_part(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return base::invalid(path + ": is a folder; give a file name");
  }
  const std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "wbe");
  if (file == nullptr) {
    const auto error = base::system_error("write " + part, errno).value();
    return base::invalid(error.what + "; choose another output");
  }
  std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  return file;
}

base::Result<void> commit_part(const std::string& path, std::FILE* file) {
  const std::string part = path + ".part";
  const bool failed = std::fflush(file) != 0 || std::ferror(file) != 0;
  const int error = errno;
  const bool close_failed = std::fclose(file) != 0;
  if (failed || close_failed || std::rename(part.c_str(), path.c_str()) != 0) {
    const int why = failed ? error : errno;
    ::unlink(part.c_str());
    return base::system_error("write " + path, why);
  }
  return {};
}

void discard_part(const std::string& path, std::FILE* file) {
  std::fclose(file);
  ::unlink((path + ".part").c_str());
}

base::Result<PcapWriter> PcapWriter::create(const std::string& path) {
  FL_ASSIGN(std::FILE * file, open_part(path));
  const FileHeader header;
  std::fwrite(&header, sizeof header, 1, file);
  return PcapWriter(path, file);
}

PcapWriter::PcapWriter(PcapWriter&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, nullptr)) {}

PcapWriter::~PcapWriter() {
  if (file_ != nullptr) discard_part(path_, file_);
}

void PcapWriter::begin(std::uint64_t time_us, std::uint32_t length) {
  const std::array<std::uint32_t, 4> record = {
      static_cast<std::uint32_t>(time_us / 1000000),
      static_cast<std::uint32_t>(time_us % 1000000),
      length,
      length};
  std::fwrite(record.data(), sizeof record, 1, file_);
}

void PcapWriter::append(const void* bytes, std::size_t length) {
  std::fwrite(bytes, 1, length, file_);
}

base::Result<void> PcapWriter::commit() {
  return commit_part(path_, std::exchange(file_, nullptr));
}

}  // namespace fairlead::dataplane
