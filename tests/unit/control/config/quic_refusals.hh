// SPDX-License-Identifier: BSD-3-Clause
// More of the table of bad configurations: QUIC connection ids.
#pragma once

#include "tests/unit/control/config/refusals.hh"

namespace fairlead::config {

inline const Refusal kQuicRefusals[] = {
    {"quic on a tcp vip",
     "vips: [{name: h3, address: 203.0.113.10, port: 443, quic: [{config: 0, server_id_bytes: "
     "2}],\n"
     "  backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:1: vips[0].quic: is for udp vips, set the vip's protocol to udp or remove it"},
    {"quic configuration 7, which names nobody",
     "vips: [{name: h3, address: 203.0.113.10, port: 443, protocol: udp,\n"
     "  quic: [{config: 7, server_id_bytes: 2}], backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:2: vips[0].quic[0].config: '7' is out of range, use 0 to 6"},
    {"a server id longer than QUIC-LB has",
     "vips: [{name: h3, address: 203.0.113.10, port: 443, protocol: udp,\n"
     "  quic: [{config: 0, server_id_bytes: 16}], backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:2: vips[0].quic[0].server_id_bytes: '16' is out of range, use 1 to 15"},
    {"a quic configuration twice",
     "vips: [{name: h3, address: 203.0.113.10, port: 443, protocol: udp,\n"
     "  quic: [{config: 1, server_id_bytes: 2}, {config: 1, server_id_bytes: 3}],\n"
     "  backends: [{id: b1, address: 10.0.0.1}]}]\n",
     "c.yaml:2: vips[0].quic[1].config: '1' is used twice, each needs a number"},
    {"a server id of another length",
     "vips: [{name: h3, address: 203.0.113.10, port: 443, protocol: udp,\n"
     "  quic: [{config: 0, server_id_bytes: 2}],\n"
     "  backends: [{id: b1, address: 10.0.0.1, server_id: a00102}]}]\n",
     "c.yaml:3: vips[0].backends[0].server_id: 'a00102' must be hexadecimal, two digits a byte, as "
     "many bytes as the server_id_bytes of one of the vip's quic configurations"},
    {"two backends with one derived server id",
     "vips: [{name: h3, address: 203.0.113.10, port: 443, protocol: udp,\n"
     "  quic: [{config: 0, server_id_bytes: 1}],\n"
     "  backends: [{id: b1, address: 10.0.0.1}, {id: b2, address: 10.0.1.1}]}]\n",
     "c.yaml:2: vips[0].quic: backends 'b1' and 'b2' have the same server id in configuration 0, "
     "raise server_id_bytes or give one of them a server_id"},
};

}  // namespace fairlead::config
