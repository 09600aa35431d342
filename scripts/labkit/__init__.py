# SPDX-License-Identifier: BSD-3-Clause
"""The live fleet: nodes, backends, a router and clients in network namespaces of this machine (docs/lab.md)."""
