/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// What the decapsulator must be told besides vips and sources: fl_decap_settings, one value.
#ifndef FAIRLEAD_EBPF_DECAP_SETTINGS_H
#define FAIRLEAD_EBPF_DECAP_SETTINGS_H

#include <stdint.h>

struct fl_decap_settings {
  uint32_t tx_ifindex; /* send by redirect to this interface; 0: XDP_TX */
  uint32_t reserved;
  uint64_t own; /* the first six bytes of a frame to this interface; 0: not known */
};

#endif
