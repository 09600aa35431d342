-- SPDX-License-Identifier: BSD-3-Clause
-- Wireshark and tshark: GUE with Fairlead's hop list (docs/wire-format.md), UDP port 19523.
--   tshark -X lua_script:scripts/wireshark/fairlead.lua -r FILE.pcap -Y fairlead.hop_count -V
local gue = Proto("fairlead", "Fairlead GUE")

local f = gue.fields
f.version = ProtoField.uint8("fairlead.version", "Version", base.DEC, nil, 0xc0)
f.control = ProtoField.uint8("fairlead.control", "Control", base.DEC, nil, 0x20)
f.hlen = ProtoField.uint8("fairlead.hlen", "Words behind the header", base.DEC, nil, 0x1f)
f.protocol = ProtoField.uint8("fairlead.protocol", "Inner protocol", base.DEC, { [4] = "IPv4", [41] = "IPv6" })
f.flags = ProtoField.uint16("fairlead.flags", "Flags", base.HEX)
f.type = ProtoField.uint16("fairlead.type", "Private data", base.DEC, { [0] = "IPv4 hops", [1] = "IPv6 hops" })
f.next_hop = ProtoField.uint8("fairlead.next_hop", "Next hop", base.DEC)
f.hop_count = ProtoField.uint8("fairlead.hop_count", "Hops", base.DEC)
f.hop4 = ProtoField.ipv4("fairlead.hop", "Hop")
f.hop6 = ProtoField.ipv6("fairlead.hop6", "Hop")

local inner = { [4] = Dissector.get("ip"), [41] = Dissector.get("ipv6") }

function gue.dissector(buffer, info, tree)
  if buffer:len() < 4 then return 0 end
  local words = bit.band(buffer(0, 1):uint(), 0x1f)
  local bytes = 4 + 4 * words
  if buffer:len() < bytes then return 0 end
  local part = tree:add(gue, buffer(0, bytes))
  part:add(f.version, buffer(0, 1))
  part:add(f.control, buffer(0, 1))
  part:add(f.hlen, buffer(0, 1))
  part:add(f.protocol, buffer(1, 1))
  part:add(f.flags, buffer(2, 2))
  if words > 0 then
    local six = buffer(4, 2):uint() == 1
    local size = six and 16 or 4
    part:add(f.type, buffer(4, 2))
    part:add(f.next_hop, buffer(6, 1))
    part:add(f.hop_count, buffer(7, 1))
    for hop = 0, math.min(buffer(7, 1):uint(), math.floor((bytes - 8) / size)) - 1 do
      part:add(six and f.hop6 or f.hop4, buffer(8 + hop * size, size))
    end
  end
  info.cols.protocol = "GUE"
  local next = inner[buffer(1, 1):uint()]
  if next then next:call(buffer(bytes):tvb(), info, tree) end
  return buffer:len()
end

DissectorTable.get("udp.port"):add(19523, gue)
