/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <strings.h>

#include "explain.h"
#include "macro.h"

/* The order is the one people read it in: what lists show, then how they came about, then words. A counter's first
 * sentence is short, because `sctpctl stats` shows it beside the number. */
const struct explanation explanations[] = {
        /* What endpoints and associations share */
        { "netns", "endpoint, association", "NETNS", NULL, "sctpmond", NULL,
          "Inode of the network namespace, as `ls -L /proc/PID/ns/net` shows it; absent where that may not be read. "
          "The kernel gives the number of a namespace that is gone to the next one at once." },
        { "netnsName", "endpoint, association", "NETNS", NULL, "/run/netns", NULL,
          "The namespace's name for ip-netns(8); absent if it has none, as those of most containers." },
        { "container", "endpoint, association", "CONTAINER", NULL, "/proc/PID/cgroup, the runtime's files", NULL,
          "Container of the namespace, or of a process that has the socket: its name, else the first 12 characters of "
          "its id." },
        { "localPort", "endpoint, association", "LPORT PORT LOCAL", NULL, "eps, assocs", "RFC 9260 section 3.1",
          "SCTP port at this end." },
        { "localAddresses", "endpoint, association", "LADDRS LOCAL", NULL, "eps, assocs", "RFC 9260 section 6.4",
          "Addresses at this end that the endpoint is bound to, or that the association uses. An endpoint with 0.0.0.0 "
          "or :: takes all addresses of the host." },
        { "style", "endpoint, association", "STY STYLE", NULL, "eps", "RFC 6458 sections 3 and 4",
          "Style of the socket: one_to_one as TCP has it, one_to_many as UDP has it, peeled_off. The table numbers "
          "them 2, 0 and 1." },
        { "inode", "endpoint, association", "INODE", NULL, "eps, assocs", NULL,
          "Inode of the socket: the number in the link /proc/PID/fd/N of whoever has it open. An association with "
          "inode 0 has no socket any more: its program has closed it, and the kernel is ending it." },
        { "uid", "endpoint, association", "UID USER", NULL, "eps, assocs", NULL,
          "Number of the user who made the socket, as the reader's user namespace sees it; 65534 stands for one that "
          "it does not know." },
        { "owners", "endpoint, association", "PROCESS", NULL, "BPF, /proc/PID/fd", NULL,
          "Processes that have the socket open. Absent where they are not known, which is not the same as nobody: "
          "without BPF other users' descriptors are read with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH only." },

        /* Endpoints */
        { "state", "endpoint", "SST STATE", NULL, "eps", NULL,
          "State of the socket: listening in nearly all rows. The table prints TCP's numbers for it: 10 is listening, "
          "7 closed, 1 established." },
        { "forwardsToAddress", "endpoint", "FORWARDS", NULL, "/proc/PID/cmdline", NULL,
          "Of a docker-proxy: the address in the container that it passes associations on to. The peer's association "
          "ends at the proxy; another one goes on to the container." },
        { "forwardsToPort", "endpoint", "FORWARDS", NULL, "/proc/PID/cmdline", NULL,
          "Of a docker-proxy: the port in the container." },

        /* Associations */
        { "associationId", "association", "ASSOC-ID ASSOC_ID ID", NULL, "assocs", "RFC 6458 section 1",
          "Number that the kernel gives an association when the peer has answered INIT; unique on the host, over all "
          "namespaces. Until then the table shows 0 and the field is absent." },
        { "peerPort", "association", "RPORT PEER", NULL, "assocs", "RFC 9260 section 3.1",
          "SCTP port at the peer's end." },
        { "peerAddresses", "association", "RADDRS PEER", NULL, "assocs", "RFC 9260 section 6.4",
          "Transport addresses of the peer, each of which is a path." },
        { "primaryAddress", "association", "RADDRS PEER PRI", NULL, "assocs", "RFC 9260 section 6.4",
          "The peer's address that data is sent to as long as it works, marked * in the table. Absent if the kernel "
          "marks none." },
        { "state", "association", "ST STATE", NULL, "assocs, sock_diag", "RFC 9260 section 4",
          "Where the association stands between its first INIT and its last SHUTDOWN COMPLETE. The table counts from "
          "0, up to Linux 2.6.39 from 1; SCTP_STATUS counts from 1: compare names, not numbers." },
        { "socketState", "association", "SST", NULL, "assocs", NULL,
          "State of the association's socket, which is not the association's: that of a one_to_many socket is "
          "listening for all of its associations, as is that of an association that is not accepted yet." },
        { "attachment", "association", "PROCESS", NULL, "assocs", NULL,
          "Whether a program has the association: see socket, unaccepted and orphan." },
        { "heartbeatIntervalMs", "association", "HBINT HB", "ms", "assocs", "RFC 9260 section 8.3",
          "HB.interval: after an idle path's RTO and so much time a HEARTBEAT is sent to it. The table shows it in "
          "ticks of the kernel: 7500 are 30 s where CONFIG_HZ is 250." },
        { "heartbeatIntervalJiffies", "association", "HBINT HB", "jiffies", "assocs", "RFC 9260 section 8.3",
          "The heartbeat interval in ticks of the kernel, in place of heartbeatIntervalMs where their length is not "
          "known: for a saved tree." },
        { "inStreams", "association", "INS STREAMS", NULL, "assocs", "RFC 9260 section 3.3.3",
          "Streams that the peer may send on, as agreed in INIT and INIT ACK." },
        { "outStreams", "association", "OUTS STREAMS", NULL, "assocs", "RFC 9260 section 3.3.3",
          "Streams that this end may send on, as agreed in INIT and INIT ACK." },
        { "transmitQueueBytes", "association", "TX_QUEUE TX", "bytes", "assocs", NULL,
          "What the application has sent and the peer has not acknowledged, sent or not. If it stays, the peer does "
          "not read or does not answer." },
        { "receiveQueueBytes", "association", "RX_QUEUE RX", "bytes", "assocs", NULL,
          "What has come and the application has not read, with the kernel's overhead. If it grows, the application is "
          "too slow." },
        { "maxRetransmissions", "association", "MAXRT MAXRTX", NULL, "assocs", "RFC 9260 section 8.1",
          "Association.Max.Retrans: beyond so many errors in a row, over all paths, the peer is given up." },
        { "initRetransmissions", "association", "T1X INITRTX", NULL, "assocs", "RFC 9260 section 5.1",
          "How often INIT or COOKIE ECHO was sent again. If it grows in cookie_wait, the peer does not answer." },
        { "shutdownRetransmissions", "association", "T2X SHUTRTX", NULL, "assocs", "RFC 9260 section 9.2",
          "How often SHUTDOWN or SHUTDOWN ACK was sent again." },
        { "retransmittedChunks", "association", "RTXC RTX", NULL, "assocs", "RFC 9260 section 6.3.3",
          "DATA chunks sent again, and too many: at each expiry of T3-rtx, of any path, the kernel adds all that is "
          "not acknowledged. chunksRetransmitted is the true number." },
        { "writeQueueBytes", "association", "wmemq WQUEUE", "bytes", "assocs", NULL,
          "Memory of all that is queued for sending in the socket, of all its associations together." },
        { "sendBufferBytes", "association", "sndbuf SNDBUF", "bytes", "assocs", "RFC 6458 section 8.1",
          "Size of the socket's send buffer (SO_SNDBUF, doubled by the kernel)." },
        { "receiveBufferBytes", "association", "rcvbuf RCVBUF", "bytes", "assocs", "RFC 6458 section 8.1",
          "Size of the socket's receive buffer (SO_RCVBUF, doubled by the kernel), of which the window offered to "
          "peers is a part." },
        { "observedSince", "association", "SINCE", "RFC 3339", "sctpmond", NULL,
          "Since when sctpmond has seen it, restarts of sctpmond survived. The association may be older." },
        { "lastChange", "association", "CHANGED", "RFC 3339", "sctpmond", NULL,
          "When its state was last seen to change; absent until then." },
        { "flaps", "association", NULL, NULL, "sctpmond", NULL,
          "How often one of its paths has ceased to be active since sctpmond has seen it." },
        { "peerName", "association", "PEER", NULL, "sctpmond.conf(5)", NULL,
          "What the configuration calls the peer: the section [Peer NAME] that has one of its addresses." },
        { "impaired", "association", "IMPAIRED STATE", NULL, "assocs, remaddr, socket options", NULL,
          "Whether an established association is not as it should be, for one of the impairedReasons: it still works, "
          "by fewer paths than it was made with. Absent while it is not established or no path's state is known." },
        { "impairedReasons", "association", "IMPAIRED", NULL, "assocs, remaddr, socket options", NULL,
          "Why it is impaired: path_inactive, path_pf, path_unconfirmed, primary_not_active, heartbeats_off." },
        { "sockDiagAt", "association", NULL, "RFC 3339", "sctpmond", NULL,
          "When sock_diag was last asked about this association. Its windows, queues in chunks, tags and counts are as "
          "of then; associations have their turns, and `sctpctl show` asks anew." },
        { "localTag", "association", NULL, NULL, "sock_diag (sctpi_tag)", "RFC 9260 section 8.5",
          "Verification tag that the peer must put into its packets. Another one for the same id is a restart." },
        { "peerTag", "association", NULL, NULL, "sock_diag (sctpi_peer_tag)", "RFC 9260 section 8.5",
          "Verification tag that packets to the peer carry; with it a trace of packets is told apart." },
        { "receiveWindowBytes", "association", NULL, "bytes", "sock_diag (sctpi_rwnd)", "RFC 9260 section 6.2",
          "Window that is offered to the peer (a_rwnd). Near 0 the application does not read." },
        { "peerReceiveWindowBytes", "association", NULL, "bytes",
          "SCTP_STATUS (sstat_rwnd), sock_diag (sctpi_peer_rwnd)",
          "RFC 9260 section 6.2",
          "What is left of the window that the peer offers. At 0 its application does not read, and only one chunk may "
          "be under way to it." },
        { "unacknowledgedChunks", "association", NULL, NULL, "sock_diag (sctpi_unackdata), SCTP_STATUS",
          "RFC 6458 section 8.2.1", "DATA chunks sent that the peer has not acknowledged." },
        { "pendingChunks", "association", NULL, NULL, "sock_diag (sctpi_penddata), SCTP_STATUS",
          "RFC 6458 section 8.2.1", "DATA chunks that are missing before others that have come: lost, or late." },
        { "inQueueChunks", "association", NULL, NULL, "sock_diag (sctpi_inqueue)", NULL,
          "Packets received that the association has not processed yet, mostly 0." },
        { "outQueueChunks", "association", NULL, NULL, "sock_diag (sctpi_outqueue)", NULL,
          "Chunks that wait to be sent for the first time." },
        { "overallErrorCount", "association", NULL, NULL, "sock_diag (sctpi_overall_error)", "RFC 9260 section 8.1",
          "Retransmissions and unanswered HEARTBEATs in a row, over all paths. Beyond maxRetransmissions the peer is "
          "given up." },
        { "maxBurst", "association", NULL, "packets", "sock_diag (sctpi_max_burst)", "RFC 9260 section 6.1",
          "Max.Burst: as many packets may leave at a time." },
        { "fragmentationPointBytes", "association", NULL, "bytes",
          "SCTP_STATUS (sstat_fragmentation_point), sock_diag (sctpi_maxseg)", "RFC 6458 section 8.2.1",
          "A message that is longer is sent in several DATA chunks." },
        { "peerCapabilities", "association", NULL, NULL, "sock_diag (sctpi_peer_capable)", "RFC 9260 section 3.3.2",
          "What the peer has said in INIT or INIT ACK that it can: auth, prsctp, asconf, ecn, and kinds of "
          "addresses." },
        { "sackNeeded", "association", NULL, NULL, "sock_diag (sctpi_peer_sack)", "RFC 9260 section 6.2",
          "Whether the peer is owed a SACK for DATA that has come; set from the start, before any has." },
        { "peerZeroWindow", "association", NULL, NULL, "sock_diag (sctpi_peer_sack)", "RFC 9260 section 6.1",
          "Whether the peer has announced a window of 0: its application does not read." },
        { "retransmissionTimerMs", "association", NULL, "ms", "sock_diag (idiag_expires)", "RFC 9260 section 6.3.2",
          "Until T3-rtx of the primary path expires; absent while nothing is under way on it." },
        { "interfaceIndex", "association", NULL, NULL, "sock_diag (idiag_if)", NULL,
          "Number of the interface that the primary path goes out by, as `ip link` numbers them. Absent without a "
          "route." },
        { "receiveMemoryBytes", "association", NULL, "bytes", "sock_diag (SKMEMINFO)", NULL,
          "Memory of what the socket has received and its program has not read, of all its associations." },
        { "sendMemoryBytes", "association", NULL, "bytes", "sock_diag (SKMEMINFO)", NULL,
          "Memory of what the socket has given to the network and not got back." },
        { "forwardMemoryBytes", "association", NULL, "bytes", "sock_diag (SKMEMINFO)", NULL,
          "Memory that the socket has in reserve." },
        { "optionMemoryBytes", "association", NULL, "bytes", "sock_diag (SKMEMINFO)", NULL,
          "Memory of the socket's options." },
        { "backlogBytes", "association", NULL, "bytes", "sock_diag (SKMEMINFO)", NULL,
          "Packets that wait because the socket was in use when they came." },
        { "drops", "association", NULL, "packets", "sock_diag (SKMEMINFO)", NULL,
          "Packets that the socket has dropped, mostly for want of buffer." },
        { "sacksSent", "association", NULL, NULL, "sock_diag (sctpi_osacks)", "RFC 9260 section 3.3.4",
          "SACK chunks sent, since the association began." },
        { "sacksReceived", "association", NULL, NULL, "sock_diag (sctpi_isacks)", "RFC 9260 section 3.3.4",
          "SACK chunks received, since the association began." },
        { "packetsSent", "association", NULL, NULL, "sock_diag (sctpi_opackets)", NULL,
          "Packets sent, since the association began." },
        { "packetsReceived", "association", NULL, NULL, "sock_diag (sctpi_ipackets)", NULL,
          "Packets received, since the association began." },
        { "chunksRetransmitted", "association", NULL, NULL, "sock_diag (sctpi_rtxchunks)", "RFC 9260 section 6.3.3",
          "DATA chunks, each time that one is sent again." },
        { "tsnsOutOfOrder", "association", NULL, NULL, "sock_diag (sctpi_outofseqtsns)", "RFC 9260 section 6.2",
          "DATA chunks received beyond the next one expected: the network loses or reorders packets." },
        { "duplicateChunksReceived", "association", NULL, NULL, "sock_diag (sctpi_idupchunks)", "RFC 9260 section 6.2",
          "DATA chunks received a second time: SACKs get lost, or the peer's RTO is too short." },
        { "gapAcksReceived", "association", NULL, NULL, "sock_diag (sctpi_gapcnt)", "RFC 9260 section 3.3.4",
          "Gap Ack Blocks in SACKs received: what we have sent comes with gaps." },
        { "unorderedChunksSent", "association", NULL, NULL, "sock_diag (sctpi_ouodchunks)", "RFC 9260 section 6.6",
          "DATA chunks sent that need no order." },
        { "unorderedChunksReceived", "association", NULL, NULL, "sock_diag (sctpi_iuodchunks)", "RFC 9260 section 6.6",
          "DATA chunks received that need no order." },
        { "orderedChunksSent", "association", NULL, NULL, "sock_diag (sctpi_oodchunks)", "RFC 9260 section 6.6",
          "DATA chunks sent that are delivered in the order of their stream." },
        { "orderedChunksReceived", "association", NULL, NULL, "sock_diag (sctpi_iodchunks)", "RFC 9260 section 6.6",
          "DATA chunks received that are delivered in the order of their stream." },
        { "controlChunksSent", "association", NULL, NULL, "sock_diag (sctpi_octrlchunks)", "RFC 9260 section 3.2",
          "Chunks other than DATA sent." },
        { "controlChunksReceived", "association", NULL, NULL, "sock_diag (sctpi_ictrlchunks)", "RFC 9260 section 3.2",
          "Chunks other than DATA received." },
        { "socketOptionsAt", "association", NULL, "RFC 3339", "sctpmond", NULL,
          "When the socket's options were last read, by a duplicate of its owner's descriptor that was closed again at "
          "once. The paths' SRTT, window and MTU are as of then." },
        { "originalAddress", "association", "VIA", NULL, "conntrack", NULL,
          "Address that the peer connected to, before destination NAT led it here: a published port of a container, a "
          "Kubernetes hostPort or NodePort." },
        { "originalPort", "association", "VIA", NULL, "conntrack", NULL,
          "Port that the peer connected to, before destination NAT." },
        { "paths", "association", "PATHS", NULL, "assocs, remaddr", "RFC 9260 section 6.4",
          "The peer's transport addresses with what is known of each. In a table: how many are active, of how many." },

        /* Paths */
        { "address", "path", "ADDR RADDRS PEER PATH", NULL, "remaddr", "RFC 9260 section 6.4",
          "Address of the peer that the path leads to." },
        { "primary", "path", "PRI RADDRS", NULL, "assocs", "RFC 9260 section 6.4",
          "Whether data is sent to it, as long as it is active." },
        { "state", "path", "STATE", NULL, "remaddr", "RFC 9260 section 8.2",
          "Whether the path works. The table numbers it since Linux 3.19: 0 inactive, 1 pf, 2 active, 3 unconfirmed, "
          "65535 unknown." },
        { "stateSince", "path", "SINCE", "RFC 3339", "sctpmond", NULL, "When sctpmond first saw this state of it." },
        { "rtoMs", "path", "RTO", "ms", "remaddr", "RFC 9260 section 6.3.1",
          "Retransmission timeout: DATA that is not acknowledged for so long is sent again. It is made of measured "
          "round trips, doubled at each expiry, and kept between RTO.Min and RTO.Max: one that stands at RTO.Max (60 "
          "s) has heard nothing for long. The table shows it in ticks of the kernel." },
        { "rtoJiffies", "path", "RTO", "jiffies", "remaddr", "RFC 9260 section 6.3.1",
          "The retransmission timeout in ticks of the kernel, in place of rtoMs where their length is not known: for a "
          "saved tree." },
        { "heartbeatPending", "path", "HB_ACT TIMER", NULL, "remaddr", "RFC 9260 section 8.3",
          "Whether the path's heartbeat timer runs." },
        { "maxRetransmissions", "path", "MAX_PATH_RTX MAXRTX", NULL, "remaddr", "RFC 9260 section 8.2",
          "Path.Max.Retrans: beyond so many errors in a row the path is inactive." },
        { "srttMs", "path", "SRTT", "ms", "sock_diag (sctpi_p_srtt), SCTP_GET_PEER_ADDR_INFO",
          "RFC 9260 section 6.3.1",
          "Smoothed round trip time. 0 until the first one was measured; steps of a tick of the kernel." },
        { "srttJiffies", "path", "SRTT", "jiffies", "sock_diag (sctpi_p_srtt), SCTP_GET_PEER_ADDR_INFO",
          "RFC 9260 section 6.3.1",
          "The smoothed round trip time in ticks of the kernel, in place of srttMs where their length is not known." },
        { "cwndBytes", "path", "CWND", "bytes", "sock_diag (sctpi_p_cwnd), SCTP_GET_PEER_ADDR_INFO",
          "RFC 9260 section 7.2", "Congestion window: as much may be under way on the path. It shrinks when packets "
          "are lost." },
        { "ssthreshBytes", "path", "SSTHRESH", "bytes", "sock_diag (sctpi_p_ssthresh)", "RFC 9260 section 7.2.1",
          "Slow start threshold: below it the congestion window grows fast, above it slowly." },
        { "partialBytesAcked", "path", "ACKED", "bytes", "sock_diag (sctpi_p_partial_bytes_acked)",
          "RFC 9260 section 7.2.2", "Bytes acknowledged towards the next growth of the congestion window." },
        { "flightSizeBytes", "path", "FLIGHT", "bytes", "sock_diag (sctpi_p_flight_size)", "RFC 9260 section 7.2",
          "Sent on this path and not acknowledged." },
        { "errorCount", "path", "ERR", NULL, "sock_diag (sctpi_p_error)", "RFC 9260 section 8.2",
          "Retransmissions and HEARTBEATs in a row that nobody answered. Beyond maxRetransmissions the path is "
          "inactive." },
        { "mtuBytes", "path", "MTU", "bytes", "SCTP_PEER_ADDR_PARAMS (spp_pathmtu)", "RFC 9260 section 7.3",
          "Path MTU. Smaller than the interface's where a tunnel is on the way." },
        { "heartbeatIntervalMs", "path", "HB", "ms", "sock_diag (sctpi_p_hbinterval), SCTP_PEER_ADDR_PARAMS",
          "RFC 9260 section 8.3", "HB.interval of this path, which may differ from the association's." },
        { "heartbeats", "path", "HB", NULL, "SCTP_PEER_ADDR_PARAMS (spp_flags)", "RFC 6458 section 8.1.12",
          "Whether HEARTBEATs are sent to it. Off, the end of an idle path goes unnoticed." },
        { "sackDelayMs", "path", "SACKDELAY", "ms", "sock_diag (sctpi_p_sackdelay), SCTP_PEER_ADDR_PARAMS",
          "RFC 9260 section 6.2", "How long a SACK for DATA from this path may be delayed." },

        /* Owners */
        { "pid", "owner", "PROCESS", NULL, "/proc", NULL, "Number of a process that has the socket open." },
        { "command", "owner", "PROCESS", NULL, "/proc/PID/comm", NULL,
          "As the process calls itself: at most 15 bytes, and it may change it." },
        { "uid", "owner", NULL, NULL, "/proc/PID", NULL, "Number of the user that the process runs as." },
        { "unit", "owner", NULL, NULL, "/proc/PID/cgroup", NULL, "systemd unit that the process is of." },
        { "container", "owner", "CONTAINER", NULL, "/proc/PID/cgroup, the runtime's files", NULL,
          "Container that the process is in: its name, else the first 12 characters of its id." },
        { "containerId", "owner", NULL, NULL, "/proc/PID/cgroup", NULL, "The container's whole id." },
        { "runtime", "owner", NULL, NULL, "/proc/PID/cgroup", NULL,
          "What runs the container: docker, podman, containerd, cri-o." },
        { "pod", "owner", NULL, NULL, "/proc/PID/cgroup", NULL, "Kubernetes' uid of the pod that the process is in." },

        /* Network namespaces */
        { "netns", "namespace", "NETNS", NULL, "/proc/PID/ns/net", NULL,
          "Its inode; absent where that may not be read (CAP_SYS_PTRACE)." },
        { "netnsName", "namespace", "NAME", NULL, "/run/netns", NULL, "Its name for ip-netns(8)." },
        { "container", "namespace", "CONTAINER", NULL, "/proc/PID/cgroup", NULL, "Container that it is of." },
        { "pid", "namespace", "PID", NULL, "/proc", NULL, "Number of a process in it, for nsenter(1)." },
        { "own", "namespace", "OWN", NULL, "sctpmond", NULL,
          "Whether it is the one that sctpmond, or sctpctl without it, runs in: mostly the host's." },
        { "sctpAvailable", "namespace", NULL, NULL, "/proc/PID/net/sctp", NULL, "Whether SCTP's tables are there." },
        { "endpoints", "namespace", "EPS", NULL, "eps", NULL, "Endpoints that listen in it." },
        { "associations", "namespace", "ASSOCS", NULL, "assocs", NULL, "Associations in it." },
        { "error", "namespace", "ERROR", NULL, "sctpmond", NULL,
          "Why it could not be looked into; absent if it could." },

        /* Columns that mean nothing by themselves */
        { "ENDPT", "table", "ENDPT", NULL, "eps", NULL,
          "Address of the kernel's structure, scrambled anew at each boot and 0 under kptr_restrict. It identifies "
          "nothing; sctpmon leaves it out." },
        { "SOCK", "table", "SOCK", NULL, "eps, assocs", NULL,
          "Address of the socket's structure in the kernel, scrambled or 0; sctpmon leaves it out." },
        { "ASSOC", "table", "ASSOC", NULL, "assocs", NULL,
          "Address of the association's structure in the kernel, scrambled or 0. The association's number is "
          "ASSOC-ID." },
        { "HBKT", "table", "HBKT", NULL, "eps, assocs", NULL,
          "Bucket of the kernel's hash table; always 0 in assocs since Linux 4.5." },
        { "wmema", "table", "wmema", NULL, "assocs", NULL,
          "Count of references to the socket's send memory, 1 when nothing is under way: no number of bytes." },
        { "REM_ADDR_RTX", "table", "REM_ADDR_RTX", NULL, "remaddr", NULL, "Always 0: the kernel does not count it." },
        { "START", "table", "START", NULL, "remaddr", NULL, "Always 0: the kernel does not keep it." },

        /* Counters */
        { "SctpCurrEstab", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Associations established now. Before Linux 5.13 it drifts upwards: do not raise an alarm by it." },
        { "SctpActiveEstabs", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Established, begun by this host. Associations that came and went between two looks show in it." },
        { "SctpPassiveEstabs", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Established, begun by the peer. Associations that came and went between two looks show in it." },
        { "SctpAborteds", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Ended by an ABORT of either side. If it grows together with established ones, look at the peers' logs." },
        { "SctpShutdowns", "counter", NULL, NULL, "snmp", "RFC 3873", "Ended gracefully, by SHUTDOWN." },
        { "SctpOutOfBlues", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Packets of no known association. A peer still talks to an association that is gone here, or packets take a "
          "way that NAT does not know." },
        { "SctpChecksumErrors", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Packets with a wrong checksum. Something on the way changes packets without counting CRC32c anew." },
        { "SctpOutCtrlChunks", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Control chunks sent. Those sent again are not among them." },
        { "SctpOutOrderChunks", "counter", NULL, NULL, "snmp", "RFC 3873", "Ordered DATA chunks sent." },
        { "SctpOutUnorderChunks", "counter", NULL, NULL, "snmp", "RFC 3873", "Unordered DATA chunks sent." },
        { "SctpInCtrlChunks", "counter", NULL, NULL, "snmp", "RFC 3873", "Control chunks received." },
        { "SctpInOrderChunks", "counter", NULL, NULL, "snmp", "RFC 3873", "Ordered DATA chunks received." },
        { "SctpInUnorderChunks", "counter", NULL, NULL, "snmp", "RFC 3873", "Unordered DATA chunks received." },
        { "SctpFragUsrMsgs", "counter", NULL, NULL, "snmp", "RFC 3873",
          "Messages cut into several chunks. They were longer than the fragmentation point." },
        { "SctpReasmUsrMsgs", "counter", NULL, NULL, "snmp", "RFC 3873", "Messages put together from chunks." },
        { "SctpOutSCTPPacks", "counter", NULL, NULL, "snmp", "RFC 3873", "Packets sent." },
        { "SctpInSCTPPacks", "counter", NULL, NULL, "snmp", "RFC 3873", "Packets received." },
        { "SctpT1InitExpireds", "counter", NULL, NULL, "snmp", "RFC 9260 section 5.1",
          "Times INIT got no answer in time. The peer is down, or a firewall drops SCTP." },
        { "SctpT1CookieExpireds", "counter", NULL, NULL, "snmp", "RFC 9260 section 5.1",
          "Times COOKIE ECHO got no answer in time." },
        { "SctpT2ShutdownExpireds", "counter", NULL, NULL, "snmp", "RFC 9260 section 9.2",
          "Times SHUTDOWN got no answer in time." },
        { "SctpT3RtxExpireds", "counter", NULL, NULL, "snmp", "RFC 9260 section 6.3.3",
          "Times DATA got no SACK in time. Packets are lost, or the round trip is longer than the RTO." },
        { "SctpT4RtoExpireds", "counter", NULL, NULL, "snmp", "RFC 5061 section 5.1",
          "Times ASCONF got no answer in time." },
        { "SctpT5ShutdownGuardExpireds", "counter", NULL, NULL, "snmp", "RFC 9260 section 9.2",
          "Shutdowns that took too long: aborted." },
        { "SctpDelaySackExpireds", "counter", NULL, NULL, "snmp", "RFC 9260 section 6.2",
          "SACKs sent when their delay was over." },
        { "SctpAutocloseExpireds", "counter", NULL, NULL, "snmp", "RFC 6458 section 8.1.8",
          "Associations closed for being idle. The application has asked for it (SCTP_AUTOCLOSE)." },
        { "SctpT3Retransmits", "counter", NULL, NULL, "snmp", "RFC 9260 section 6.3.3",
          "Retransmissions begun by T3-rtx." },
        { "SctpPmtudRetransmits", "counter", NULL, NULL, "snmp", "RFC 9260 section 7.3",
          "Retransmissions begun as the MTU shrank." },
        { "SctpFastRetransmits", "counter", NULL, NULL, "snmp", "RFC 9260 section 7.2.4",
          "Retransmissions begun for reported gaps." },
        { "SctpInPktSoftirq", "counter", NULL, NULL, "snmp", NULL, "Packets handled at once." },
        { "SctpInPktBacklog", "counter", NULL, NULL, "snmp", NULL,
          "Packets that waited for a busy socket. The program was at work with it when they came." },
        { "SctpInPktDiscards", "counter", NULL, NULL, "snmp", NULL,
          "Packets discarded on receipt. For want of buffer, of a policy, or because they are no sound SCTP." },
        { "SctpInDataChunkDiscards", "counter", NULL, NULL, "snmp", NULL,
          "DATA chunks discarded on receipt. For want of buffer, mostly." },

        /* Statistics */
        { "maxRtoMs", "statistics", NULL, "ms", "SCTP_GET_ASSOC_STATS (sas_maxrto)", NULL,
          "The greatest retransmission timeout since anybody asked for it the last time. Asking begins it anew for "
          "everyone, the application and its supervision too, so sctpmon reads it for `sctpctl show --stats` alone." },
        { "maxRtoAddress", "statistics", NULL, NULL, "SCTP_GET_ASSOC_STATS (sas_obs_rto_ipaddr)", NULL,
          "The peer's address that had it." },
        { "reason", "statistics", NULL, NULL, "sctpmond", NULL, "Why they could not be read." },

        /* Changes */
        { "type", "change", NULL, NULL, "sctpmond", NULL,
          "What happened: each kind is explained by its name." },
        { "at", "change", NULL, "RFC 3339", "sctpmond", NULL,
          "exact: when the kernel did it. Otherwise the start of the look that saw it: it happened between this look and the "
          "one before." },
        { "certainty", "change", NULL, NULL, "sctpmond", NULL,
          "exact: the kernel told it as it did it; high: the kernel was asked about this very association; low: it was "
          "only not seen several times." },
        { "association", "change", NULL, NULL, "sctpmond", NULL, "The association that it happened to." },
        { "endpoint", "change", NULL, NULL, "sctpmond", NULL, "The endpoint that it happened to." },
        { "oldState", "change", NULL, NULL, "sctpmond", NULL, "State of the association before." },
        { "newState", "change", NULL, NULL, "sctpmond", NULL,
          "State of the association after; closed when it is gone." },
        { "durationMs", "change", NULL, "ms", "sctpmond", NULL,
          "How long the old state of the association or of the path, or the impairment, had lasted; absent if its "
          "start was not observed." },
        { "path", "change", NULL, NULL, "sctpmond", NULL, "Address of the path that it is about; of a step where the chunk came from, or the timer's." },
        { "oldPathState", "change", NULL, NULL, "sctpmond", NULL, "State of the path before." },
        { "newPathState", "change", NULL, NULL, "sctpmond", NULL, "State of the path after." },
        { "oldPrimaryAddress", "change", NULL, NULL, "sctpmond", NULL, "Address of the primary path before." },
        { "oldLocalTag", "change", NULL, NULL, "sctpmond", "RFC 9260 section 5.2.4",
          "Our verification tag before the peer restarted." },
        { "oldPeerTag", "change", NULL, NULL, "sctpmond", "RFC 9260 section 5.2.4",
          "The peer's verification tag before it restarted." },
        { "reasons", "change", NULL, NULL, "sctpmond", NULL,
          "Why it is impaired, or, when it has recovered, why it was until now." },
        { "cause", "change", NULL, NULL, "sctpmond", NULL,
          "Why the association went down, as far as its last state and figures and the kernel's counters tell." },
        { "causeCertainty", "change", NULL, NULL, "sctpmond", NULL,
          "exact: the trigger tells; high: nothing else fits what is known; low: it is likely, and others are "
          "possible." },
        { "trigger", "change", NULL, NULL, "the kernel's state machine", NULL,
          "What made the kernel act: a chunk of the peer's, a timer, a program here or its end, or the network. Absent "
          "where the kernel did not tell it; what cause says is concluded then." },
        { "netns", "change", NULL, NULL, "sctpmond", NULL, "Where associations were not observed: inode." },
        { "netnsName", "change", NULL, NULL, "sctpmond", NULL, "Where associations were not observed: name." },
        { "container", "change", NULL, NULL, "sctpmond", NULL, "Where associations were not observed: container." },
        { "established", "change", NULL, NULL, "snmp", NULL,
          "How many associations were established and ended between two looks: SctpActiveEstabs and SctpPassiveEstabs "
          "less those observed." },
        { "failed", "change", NULL, NULL, "snmp", NULL,
          "How many ended between two looks without having been established, refused by a closed port for instance: "
          "SctpAborteds and SctpShutdowns less those accounted for." },

        /* What made the kernel act */
        { "kind", "trigger", NULL, NULL, "the kernel's state machine", NULL, "chunk, timer, primitive or icmp." },
        { "name", "trigger", NULL, NULL, "the kernel's state machine", NULL,
          "Which chunk, timer or primitive: each is explained by its name. Of one that has no name, its number." },
        { "side", "trigger", NULL, NULL, "sctpmond", NULL,
          "Where the trigger came from, which need not be who wanted it: a SHUTDOWN ACK is the peer's, and ends what "
          "this side has shut down." },
        { "errorCause", "trigger", NULL, NULL, "the chunk", "RFC 9260 section 3.3.10",
          "Number of the error cause in the ABORT or ERROR. Absent if there was none in it, as the RFC allows." },
        { "errorCauseName", "trigger", NULL, NULL, "the chunk", "RFC 9260 section 3.3.10",
          "The same by its name: each is explained by it. Absent if the number has none." },
        { "tries", "trigger", NULL, NULL, "the kernel", "RFC 9260 sections 8.1 and 8.2",
          "What had been counted when the timer expired. Of a path and of an association Linux counts heartbeats and "
          "retransmissions that nobody answered together, whichever came last." },
        { "triesMax", "trigger", NULL, NULL, "the kernel", "RFC 9260 section 16",
          "The number at which it gives up: Max.Init.Retransmits, Path.Max.Retrans or Association.Max.Retrans." },
        { "idleMs", "trigger", NULL, "ms", "the kernel", "RFC 6458 section 8.1.8",
          "Of autoclose: for how long nothing was sent or received." },
        { "pid", "trigger", NULL, NULL, "the kernel", NULL,
          "Process in whose call it happened: of a primitive the one that asked for it. Absent if in nobody's." },
        { "command", "trigger", NULL, NULL, "the kernel", NULL, "As that process called itself then." },

        /* Samples */
        { "at", "sample", NULL, "RFC 3339", "sctpmond", NULL, "Start of the look that the figures are of." },
        { "srttMs", "sample", NULL, "ms", "sock_diag, socket options", "RFC 9260 section 6.3.1",
          "Smoothed round trip time of the primary path." },
        { "cwndBytes", "sample", NULL, "bytes", "sock_diag, socket options", "RFC 9260 section 7.2",
          "Congestion window of the primary path." },
        { "transmitQueueBytes", "sample", NULL, "bytes", "assocs", NULL, "Sent and not acknowledged." },
        { "retransmittedChunks", "sample", NULL, NULL, "assocs", NULL, "DATA chunks sent again so far." },

        /* Looks at the kernel */
        { "serial", "scan", NULL, NULL, "sctpmond", NULL, "Number of the look, from 1 when sctpmond started." },
        { "startedAt", "scan", NULL, "RFC 3339", "sctpmond", NULL, "When the look began. Nothing shown is older." },
        { "ageMs", "scan", NULL, "ms", "sctpmond", NULL, "How long ago the look began." },
        { "durationUs", "scan", NULL, "us", "sctpmond", NULL, "How long the look took." },
        { "stale", "scan", NULL, NULL, "sctpmond", NULL,
          "A newer look was asked for and did not come in time, or could not read the table: what is shown may not be "
          "true any more." },

        /* Sources */
        { "name", "source", NULL, NULL, "sctpmond", NULL, "Which source of facts it is." },
        { "result", "source", NULL, NULL, "sctpmond", NULL, "skipped, read or failed." },
        { "rows", "source", NULL, NULL, "sctpmond", NULL, "Rows read from it, or asked for, at the last run." },
        { "malformed", "source", NULL, NULL, "sctpmond", NULL,
          "Rows passed over because they could not be understood." },
        { "waiting", "source", NULL, NULL, "sctpmond", NULL,
          "Rows that there was no time for at the last run; their turn is in the next ones." },
        { "durationUs", "source", NULL, "us", "sctpmond", NULL, "How long the last run took." },
        { "lastRun", "source", NULL, "RFC 3339", "sctpmond", NULL, "When it was last used; absent: never." },
        { "holdMaxUs", "source", NULL, "us", "sctpmond", NULL,
          "The longest that another process's socket was held to read its options. While it is held, its owner's "
          "close() does not end the association." },
        { "reason", "source", NULL, NULL, "sctpmond", NULL,
          "Why it was skipped or failed, or what is missing and for want of which capability." },
        { "source", "complaint", NULL, NULL, "sctpmond", NULL, "Table that a malformed row was in." },
        { "line", "complaint", NULL, NULL, "sctpmond", NULL, "Number of the row's line, from 1." },
        { "text", "complaint", NULL, NULL, "sctpmond", NULL, "What was expected and what was found." },

        /* The daemon */
        { "version", "status", NULL, NULL, "sctpmond", NULL, "Version of sctpmond." },
        { "pid", "status", NULL, NULL, "sctpmond", NULL, "Process that serves; it has no capability." },
        { "scannerPid", "status", NULL, NULL, "sctpmond", NULL, "Process that looks at the kernel." },
        { "startedAt", "status", NULL, "RFC 3339", "sctpmond", NULL, "When sctpmond started." },
        { "netns", "status", NULL, NULL, "sctpmond", NULL, "Inode of sctpmond's own network namespace." },
        { "namespaces", "status", NULL, NULL, "sctpmond", NULL, "How many network namespaces are watched." },
        { "sctpAvailable", "status", NULL, NULL, "sctpmond", NULL,
          "Whether the kernel has SCTP: its module is loaded, or built in." },
        { "reason", "status", NULL, NULL, "sctpmond", NULL, "Why SCTP is not available." },
        { "advice", "status", NULL, NULL, "sctpmond", NULL, "What to do about it." },
        { "intervalMs", "status", NULL, "ms", "sctpmond.conf", NULL,
          "Interval= of the configuration: from look to look." },
        { "effectiveIntervalMs", "status", NULL, "ms", "sctpmond", NULL,
          "The interval in force: longer than asked for when looks would take more than CpuShare= of a CPU, and while the "
          "kernel tells what happens (bpf_events) and nothing does." },
        { "cpuUs", "status", NULL, "us", "sctpmond", NULL, "CPU time of the last look, the kernel's part included." },
        { "dearCpuUs", "status", NULL, "us", "sctpmond", NULL,
          "The part of it that went into details, owners and the like, which are asked for in turns." },
        { "notice", "status", NULL, NULL, "sctpmond", NULL,
          "What was stretched and why, or why the last look failed." },
        { "endpoints", "status", NULL, NULL, "sctpmond", NULL, "Endpoints that listen, in all namespaces." },
        { "associations", "status", NULL, NULL, "sctpmond", NULL, "Associations, in all namespaces." },
        { "scan", "status", NULL, NULL, "sctpmond", NULL, "The last look." },
        { "sources", "status", NULL, NULL, "sctpmond", NULL, "Where facts come from, and what each of them costs." },
        { "complaints", "status", NULL, NULL, "sctpmond", NULL, "The first rows that could not be understood." },
        { "clients", "status", NULL, NULL, "sctpmond", NULL, "Connections, and what was refused." },
        { "history", "status", NULL, NULL, "sctpmond", NULL, "Changes kept in memory." },
        { "journal", "status", NULL, NULL, "sctpmond", NULL, "Changes on their way to the journal." },
        { "connected", "clients", NULL, NULL, "sctpmond", NULL, "Connections that are open." },
        { "monitors", "clients", NULL, NULL, "sctpmond", NULL, "Clients that follow changes." },
        { "refusedConnections", "clients", NULL, NULL, "sctpmond", NULL,
          "Connections refused because there were too many." },
        { "refusedMessages", "clients", NULL, NULL, "sctpmond", NULL,
          "Messages that were no sound Varlink; the connection was closed." },
        { "overruns", "clients", NULL, NULL, "sctpmond", NULL, "Clients that read too slowly and were ended." },
        { "changes", "history", NULL, NULL, "sctpmond", NULL, "Changes kept in memory." },
        { "bytes", "history", NULL, "bytes", "sctpmond", NULL, "Memory that these take." },
        { "since", "history", NULL, "RFC 3339", "sctpmond", NULL, "From when on every change is kept." },
        { "dropped", "history", NULL, NULL, "sctpmond", NULL, "Changes that had to make room for newer ones." },
        { "samples", "history", NULL, NULL, "sctpmond", NULL, "Figures kept of associations in the course of time." },
        { "queued", "journal", NULL, NULL, "sctpmond", NULL, "Changes that wait to be sent to the journal." },
        { "sent", "journal", NULL, NULL, "sctpmond", NULL, "Changes sent to the journal." },
        { "lost", "journal", NULL, NULL, "sctpmond", NULL, "Changes that the journal did not take." },
        { "saveError", "journal", NULL, NULL, "sctpmond", NULL,
          "Why what the next start needs, to tell what changed meanwhile, could not be saved." },

        /* Filters */
        { "netns", "filter", NULL, NULL, NULL, NULL,
          "In this network namespace: all, host, a name, pid:N or inode:N (--netns=)." },
        { "container", "filter", NULL, NULL, NULL, NULL,
          "Of this container: its name, its id, or at least 12 characters of the id (--container=)." },
        { "impaired", "filter", NULL, NULL, NULL, NULL,
          "true: the impaired ones; false: those known not to be (--impaired)." },
        { "port", "filter", NULL, NULL, NULL, NULL, "This port, on either side (--port=)." },
        { "localAddress", "filter", NULL, NULL, NULL, NULL, "This local address (--local=)." },
        { "localPort", "filter", NULL, NULL, NULL, NULL, "This local port (--local=)." },
        { "peerAddress", "filter", NULL, NULL, NULL, NULL, "This address of the peer (--peer=)." },
        { "peerPort", "filter", NULL, NULL, NULL, NULL, "This port of the peer (--peer=)." },
        { "peerName", "filter", NULL, NULL, NULL, NULL, "A peer that the configuration names (--peer=)." },
        { "state", "filter", NULL, NULL, NULL, NULL, "In this state (--state=)." },

        /* States */
        { "closed", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "There is no association, or it has just begun or ended. A row that stays so has ended before its listener "
          "accepted it." },
        { "cookie_wait", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "INIT was sent, INIT ACK has not come. An association that stays so does not reach its peer." },
        { "cookie_echoed", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "INIT ACK has come and its cookie was sent back in COOKIE ECHO; COOKIE ACK has not come." },
        { "established", "association state", NULL, NULL, NULL, "RFC 9260 section 4", "Data may go both ways." },
        { "shutdown_pending", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "The application has closed it; SHUTDOWN is sent when all data is acknowledged. One that stays so waits for "
          "a peer that does not read." },
        { "shutdown_sent", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "SHUTDOWN was sent, SHUTDOWN ACK has not come." },
        { "shutdown_received", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "The peer has sent SHUTDOWN; SHUTDOWN ACK is sent when all data is acknowledged." },
        { "shutdown_ack_sent", "association state", NULL, NULL, NULL, "RFC 9260 section 4",
          "SHUTDOWN ACK was sent, SHUTDOWN COMPLETE has not come." },
        { "closed", "endpoint state", NULL, NULL, NULL, NULL, "The socket neither listens nor is connected." },
        { "listening", "endpoint state", NULL, NULL, NULL, NULL, "The socket takes associations from peers." },
        { "establishing", "endpoint state", NULL, NULL, NULL, NULL,
          "A one_to_one socket's association is being set up." },
        { "established", "endpoint state", NULL, NULL, NULL, NULL,
          "A one_to_one or peeled_off socket's association was established." },
        { "closing", "endpoint state", NULL, NULL, NULL, NULL,
          "A one_to_one socket's association is being shut down." },
        { "inactive", "path state", NULL, NULL, NULL, "RFC 9260 section 8.2",
          "Failed: more than Path.Max.Retrans errors in a row. No data is sent to it, HEARTBEATs are; one answer makes "
          "it active again." },
        { "pf", "path state", NULL, NULL, NULL, "RFC 7829 section 3",
          "Potentially failed: some errors in a row, not enough for inactive. Data takes another path if there is one. "
          "The table shows it even where the socket hides it from its application (pf_expose)." },
        { "active", "path state", NULL, NULL, NULL, "RFC 9260 section 8.2", "The path works." },
        { "unconfirmed", "path state", NULL, NULL, NULL, "RFC 9260 section 5.4",
          "The peer has named this address, and no HEARTBEAT to it has been answered yet. If it stays so the address "
          "cannot be reached: a private one behind NAT, for instance." },
        { "unknown", "path state", NULL, NULL, NULL, NULL,
          "Nothing was sent to it yet: the association is being set up." },
        { "one_to_many", "style", NULL, NULL, NULL, "RFC 6458 section 3",
          "One socket for all associations of the endpoint; associations begin by sending." },
        { "peeled_off", "style", NULL, NULL, NULL, "RFC 6458 section 9.2",
          "An association of a one_to_many socket that has got a socket of its own, by sctp_peeloff()." },
        { "one_to_one", "style", NULL, NULL, NULL, "RFC 6458 section 4",
          "A socket for each association, by listen(), accept() and connect()." },
        { "socket", "attachment", NULL, NULL, NULL, NULL, "A program has it." },
        { "unaccepted", "attachment", "PROCESS", NULL, NULL, NULL,
          "No program has accepted it yet. The socket that the table shows is its listener's; if it stays so, that "
          "program does not call accept()." },
        { "orphan", "attachment", "PROCESS", NULL, NULL, NULL,
          "No program has it any more: it was closed or its process ended, and the kernel is ending it." },

        /* Impairments */
        { "path_inactive", "impairment", "IMPAIRED", NULL, NULL, "RFC 9260 section 8.2",
          "A path has failed. If the others fail too, the association is lost." },
        { "path_pf", "impairment", "IMPAIRED", NULL, NULL, "RFC 7829 section 3",
          "A path has potentially failed: it loses packets, or was just cut." },
        { "path_unconfirmed", "impairment", "IMPAIRED", NULL, NULL, "RFC 9260 section 5.4",
          "For longer than three heartbeats no HEARTBEAT to a path has been answered: it has never worked." },
        { "primary_not_active", "impairment", "IMPAIRED", NULL, NULL, "RFC 9260 section 6.4.1",
          "The primary path is not active: data takes another way than the one it was meant to." },
        { "heartbeats_off", "impairment", "IMPAIRED", NULL, NULL, "RFC 9260 section 8.3",
          "Of an association with several paths, one gets no HEARTBEATs: that it has failed would go unnoticed until "
          "it is needed." },

        /* Capabilities */
        { "auth", "capability", NULL, NULL, NULL, "RFC 4895", "Chunks may be authenticated." },
        { "prsctp", "capability", NULL, NULL, NULL, "RFC 3758", "Messages may be given up after a while." },
        { "asconf", "capability", NULL, NULL, NULL, "RFC 5061", "Addresses may be added and removed while it lasts." },
        { "ipv6", "capability", NULL, NULL, NULL, "RFC 9260 section 3.3.2.1", "The peer takes IPv6 addresses." },
        { "ipv4", "capability", NULL, NULL, NULL, "RFC 9260 section 3.3.2.1", "The peer takes IPv4 addresses." },
        { "ecn", "capability", NULL, NULL, NULL, "RFC 9260 appendix A", "The peer understands marks of congestion." },

        /* Changes and the like */
        { "association_up", "change type", NULL, NULL, NULL, NULL, "An association was established." },
        { "association_state", "change type", NULL, NULL, NULL, NULL,
          "An association came into another state, other than established or gone." },
        { "association_down", "change type", NULL, NULL, NULL, NULL, "An association is gone." },
        { "association_restart", "change type", NULL, NULL, NULL, "RFC 9260 section 5.2.4",
          "The peer has begun anew: the same association has new tags on both sides." },
        { "path_state", "change type", NULL, NULL, NULL, NULL, "A path has another state." },
        { "path_added", "change type", NULL, NULL, NULL, NULL, "The peer has another address." },
        { "path_removed", "change type", NULL, NULL, NULL, NULL, "The peer has an address less." },
        { "primary_changed", "change type", NULL, NULL, NULL, NULL, "Another path is the primary one." },
        { "impaired", "change type", NULL, NULL, NULL, NULL,
          "An established association is not as it should be, or for other reasons than before." },
        { "recovered", "change type", NULL, NULL, NULL, NULL, "An association that was impaired is not any more." },
        { "unobserved", "change type", NULL, NULL, NULL, NULL,
          "Associations came and went between two looks: the kernel's counters tell how many." },
        { "step", "change type", NULL, NULL, NULL, NULL,
          "The kernel's state machine has dealt with a chunk, a timer or a request: told by `sctpctl trace` alone. A chunk "
          "for which there was no association has both states closed: an INIT, which a COOKIE ECHO follows if all is well, "
          "or one out of the blue (RFC 9260 section 8.4)." },
        { "unknown", "cause", NULL, NULL, NULL, NULL,
          "What is known does not tell. `sctpctl stats` counts aborts and shutdowns apart." },
        { "graceful", "cause", NULL, NULL, NULL, "RFC 9260 section 9.2",
          "It was shut down, or closed. If nobody wanted that, look at the log of the program on the side that did "
          "it." },
        { "aborted", "cause", NULL, NULL, NULL, "RFC 9260 section 9.1",
          "One side sent an ABORT: the trigger tells which, and its error cause why. Look at the log of that side's "
          "program." },
        { "retransmissions_exhausted", "cause", NULL, NULL, NULL, "RFC 9260 section 8.1",
          "The peer did not answer any more, and was given up. Check the peer's host and the network; `sctpctl log` "
          "shows which paths had failed before." },
        { "init_timeout", "cause", NULL, NULL, NULL, "RFC 9260 section 4",
          "Nobody answered the INIT or the COOKIE ECHO. Check that the peer can be reached, and that nothing in "
          "between drops IP protocol 132." },
        { "unreachable", "cause", NULL, NULL, NULL, "RFC 9260 section 10",
          "The network said by ICMP that the peer's host has no SCTP. Check that its kernel has the module sctp loaded, "
          "and that the address is the right host's." },
        { "endpoint_added", "change type", NULL, NULL, NULL, NULL, "A socket listens that did not." },
        { "endpoint_removed", "change type", NULL, NULL, NULL, NULL, "A socket does not listen any more." },
        { "low", "certainty", NULL, NULL, NULL, NULL,
          "It was not seen several times. The tables miss rows while others come and go, and there was nobody to "
          "ask." },
        { "high", "certainty", NULL, NULL, NULL, NULL, "The kernel was asked about it by its addresses and ports." },
        { "exact", "certainty", NULL, NULL, NULL, NULL, "The kernel told it as it did it." },
        { "skipped", "source result", NULL, NULL, NULL, NULL, "Not needed, switched off, or SCTP is not there." },
        { "read", "source result", NULL, NULL, NULL, NULL, "It was read; what is missing its reason tells." },
        { "failed", "source result", NULL, NULL, NULL, NULL, "It could not be read; its reason tells why." },

        /* Triggers by name */
        { "chunk", "trigger kind", NULL, NULL, NULL, "RFC 9260 section 3.2", "A chunk that came from the peer." },
        { "timer", "trigger kind", NULL, NULL, NULL, NULL,
          "A timer that expired here: as a rule nobody had answered." },
        { "primitive", "trigger kind", NULL, NULL, NULL, "RFC 9260 section 11.1",
          "What a program here asked for, or the kernel for one that ended: pid and command tell which." },
        { "icmp", "trigger kind", NULL, NULL, NULL, "RFC 9260 section 10",
          "The network said that the peer has no SCTP: ICMP protocol unreachable, or ICMPv6 unrecognized next header. "
          "Check that SCTP is loaded on the peer's host; firewalls that reject protocol 132 say so, too." },
        { "local", "side", NULL, NULL, NULL, NULL, "This host: one of its timers, or a program on it." },
        { "peer", "side", NULL, NULL, NULL, NULL, "The peer, by a chunk." },
        { "network", "side", NULL, NULL, NULL, NULL, "Something on the way, or the peer's host, by ICMP." },

        { "DATA", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.1", "User data, in order of its TSN." },
        { "INIT", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.2",
          "The first chunk of an association, and of a restart." },
        { "INIT ACK", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.3",
          "Answer to INIT: the peer listens on that port. It holds the peer's addresses and a cookie." },
        { "SACK", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.4",
          "Acknowledges DATA, and tells what is missing and how much more the peer takes." },
        { "HEARTBEAT", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.5", "Asks whether a path works." },
        { "HEARTBEAT ACK", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.6",
          "Answer to HEARTBEAT: the path works." },
        { "ABORT", "chunk", NULL, NULL, NULL, "RFC 9260 sections 3.3.7 and 9.1",
          "Ends the association at once; data under way is lost. Its error cause tells why. Look at the log of the "
          "peer's program: it aborted, or was killed with data unread; as the answer to INIT, nobody listens on that "
          "port." },
        { "SHUTDOWN", "chunk", NULL, NULL, NULL, "RFC 9260 sections 3.3.8 and 9.2",
          "The peer ends the association regularly: its program has closed it. If nobody wanted that, look at the log "
          "of that program." },
        { "SHUTDOWN ACK", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.9",
          "Answer to SHUTDOWN, when all data is acknowledged." },
        { "ERROR", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.10",
          "The peer complains, and its error cause tells of what. By itself it ends nothing, but for a stale cookie." },
        { "COOKIE ECHO", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.11",
          "Sends back the cookie of INIT ACK: the peer is what it says it is, and the association is there. For one "
          "that is established already it is a restart." },
        { "COOKIE ACK", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.12",
          "Answer to COOKIE ECHO: the association is established." },
        { "ECNE", "chunk", NULL, NULL, NULL, "RFC 9260 appendix A", "The peer has seen a mark of congestion." },
        { "CWR", "chunk", NULL, NULL, NULL, "RFC 9260 appendix A", "Answer to ECNE: the peer has slowed down." },
        { "SHUTDOWN COMPLETE", "chunk", NULL, NULL, NULL, "RFC 9260 section 3.3.13",
          "Answer to SHUTDOWN ACK: the end of a regular end." },
        { "AUTH", "chunk", NULL, NULL, NULL, "RFC 4895 section 4.1", "Authenticates the chunks behind it." },
        { "I-DATA", "chunk", NULL, NULL, NULL, "RFC 8260 section 2.1",
          "User data of messages that may be interleaved." },
        { "ASCONF-ACK", "chunk", NULL, NULL, NULL, "RFC 5061 section 4.1.2", "Answer to ASCONF." },
        { "RE-CONFIG", "chunk", NULL, NULL, NULL, "RFC 6525 section 3.1",
          "Resets or adds streams, or resets the TSN, while the association lasts." },
        { "PAD", "chunk", NULL, NULL, NULL, "RFC 4820 section 3",
          "Fills a packet, to find out how large one may be." },
        { "FORWARD TSN", "chunk", NULL, NULL, NULL, "RFC 3758 section 3.2",
          "The peer has given up some of its messages." },
        { "ASCONF", "chunk", NULL, NULL, NULL, "RFC 5061 section 4.1.1",
          "The peer adds or removes an address of its, or asks for another primary path." },
        { "I-FORWARD-TSN", "chunk", NULL, NULL, NULL, "RFC 8260 section 2.3.1",
          "FORWARD TSN where messages may be interleaved." },

        { "T1-init", "timer", NULL, NULL, NULL, "RFC 9260 section 5.1",
          "INIT was not answered in time, and is sent again up to Max.Init.Retransmits times "
          "(net.sctp.max_init_retransmits). Check that the peer can be reached, that it has SCTP, and that nothing in "
          "between drops IP protocol 132: many firewalls pass TCP and UDP only." },
        { "T1-cookie", "timer", NULL, NULL, NULL, "RFC 9260 section 5.1",
          "COOKIE ECHO was not answered in time, though INIT was. Look for a firewall that loses track, for packets "
          "too large for the way (COOKIE ECHO is larger than INIT), and for a peer that is overloaded." },
        { "T2-shutdown", "timer", NULL, NULL, NULL, "RFC 9260 section 9.2",
          "SHUTDOWN or SHUTDOWN ACK was not answered in time. The peer or the way to it is gone." },
        { "T3-rtx", "timer", NULL, NULL, NULL, "RFC 9260 sections 6.3.3 and 8.1",
          "Data was not acknowledged in time, and is sent again. Too often in a row and the path is inactive, over all "
          "paths and the peer is given up: check its host and the network." },
        { "T4-rto", "timer", NULL, NULL, NULL, "RFC 5061 section 5.1",
          "ASCONF was not answered in time. Check the peer and the network." },
        { "T5-shutdown-guard", "timer", NULL, NULL, NULL, "RFC 9260 section 9.2",
          "A shutdown took longer than five times RTO.Max, and ABORT was sent. The peer answers, but does not "
          "acknowledge all data, or does not end: look at the peer." },
        { "heartbeat", "timer", NULL, NULL, NULL, "RFC 9260 section 8.3",
          "A path's HEARTBEAT is due; that the last one was not answered counts as an error. Check the network between "
          "the two addresses (ping, routes, links)." },
        { "re-configuration", "timer", NULL, NULL, NULL, "RFC 6525 section 5.1.1",
          "RE-CONFIG was not answered in time. Check the peer and the network." },
        { "path-mtu-probe", "timer", NULL, NULL, NULL, "RFC 8899", "A packet that tries the path's MTU is due." },
        { "SACK", "timer", NULL, NULL, NULL, "RFC 9260 section 6.2", "A SACK that was delayed is due." },
        { "autoclose", "timer", NULL, NULL, NULL, "RFC 6458 section 8.1.8",
          "The association was idle for as long as the program has set (SCTP_AUTOCLOSE), and is shut down." },

        { "ASSOCIATE", "primitive", NULL, NULL, NULL, "RFC 9260 section 11.1.2",
          "Set an association up: connect(), or the first message to the peer." },
        { "SHUTDOWN", "primitive", NULL, NULL, NULL, "RFC 9260 section 11.1.3",
          "End it regularly: close(), shutdown(), SCTP_EOF, or the end of the process. Look at its log if nobody "
          "wanted that." },
        { "ABORT", "primitive", NULL, NULL, NULL, "RFC 9260 section 11.1.4",
          "End it at once: SCTP_ABORT, close() with a linger time of 0, or close() or the end of the process with data "
          "unread. Look at the log of that process." },
        { "SEND", "primitive", NULL, NULL, NULL, "RFC 9260 section 11.1.5", "Send a message." },
        { "REQUESTHEARTBEAT", "primitive", NULL, NULL, NULL, "RFC 9260 section 11.1.10",
          "Send a HEARTBEAT on demand (SPP_HB_DEMAND)." },
        { "ASCONF", "primitive", NULL, NULL, NULL, "RFC 5061",
          "Tell the peer of an address added or removed here (sctp_bindx()), or of the primary path wanted." },
        { "RECONF", "primitive", NULL, NULL, NULL, "RFC 6525", "Reset or add streams." },
        { "protocol unreachable", "icmp", NULL, NULL, NULL, "RFC 9260 section 10",
          "See icmp, of which there is only this one." },

        { "invalid stream identifier", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.1",
          "DATA for a stream that was not agreed upon. Compare the streams of both sides (`sctpctl show`)." },
        { "missing mandatory parameter", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.2",
          "INIT or INIT ACK lacks what it must have: a fault of the other stack." },
        { "stale cookie", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.3",
          "COOKIE ECHO came later than the cookie lives (net.sctp.valid_cookie_life, 60 s). The way is very slow, or "
          "the clock of the side that made the cookie was set." },
        { "out of resource", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.4",
          "The sender has no memory, or takes no more associations. Look at its load and its backlog." },
        { "unresolvable address", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.5",
          "An address of a kind that the sender does not take: IPv6 or a host name, for instance." },
        { "unrecognized chunk type", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.6",
          "The sender does not know a chunk that it was sent: an extension that only one side has." },
        { "invalid mandatory parameter", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.7",
          "INIT or INIT ACK has a value that may not be: 0 streams, for instance." },
        { "unrecognized parameters", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.8",
          "The sender does not know a parameter that it was sent: an extension that only one side has." },
        { "no user data", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.9",
          "DATA without data, which may not be: a fault of the other stack." },
        { "cookie received while shutting down", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.10",
          "The peer began anew while the old association was being ended. It may try again." },
        { "restart with new addresses", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.11",
          "A peer that restarts may not bring addresses that it did not have: somebody could take the association "
          "over. Check the addresses that the peer's program binds to." },
        { "user-initiated ABORT", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.12",
          "The sender's program aborted: on purpose, or by its end with data unread. Look at the log of that "
          "program." },
        { "protocol violation", "error cause", NULL, NULL, NULL, "RFC 9260 section 3.3.10.13",
          "The sender was sent what the protocol does not allow: a chunk of a wrong length, for instance. A fault of "
          "the other stack, or something in between changes packets: capture them." },
        { "deletion of the last address", "error cause", NULL, NULL, NULL, "RFC 5061 section 4.3",
          "ASCONF asked to remove the only address that is left." },
        { "resource shortage", "error cause", NULL, NULL, NULL, "RFC 5061 section 4.3",
          "The sender has no room for another address." },
        { "deletion of the source address", "error cause", NULL, NULL, NULL, "RFC 5061 section 4.3",
          "ASCONF asked to remove the address that it came from." },
        { "illegal ASCONF-ACK", "error cause", NULL, NULL, NULL, "RFC 5061 section 4.3",
          "An ASCONF-ACK did not belong to any ASCONF: a fault of the other stack, or somebody interferes." },
        { "no authorization", "error cause", NULL, NULL, NULL, "RFC 5061 section 4.3",
          "The sender does not allow that change of addresses." },
        { "unsupported HMAC identifier", "error cause", NULL, NULL, NULL, "RFC 4895 section 4.2",
          "AUTH with an algorithm that the sender does not have: compare the settings of both sides." },

        /* Sources by name */
        { "namespaces", "source name", NULL, NULL, "/proc/PID/ns/net, /run/netns", NULL,
          "The network namespaces of the host. To enter one CAP_SYS_ADMIN and CAP_SYS_PTRACE are needed; to read its "
          "tables by way of a process none is." },
        { "eps", "source name", NULL, NULL, "/proc/net/sctp/eps", NULL, "The kernel's table of listening endpoints." },
        { "assocs", "source name", NULL, NULL, "/proc/net/sctp/assocs", NULL,
          "The kernel's table of associations. While others come and go it misses rows and shows some twice." },
        { "remaddr", "source name", NULL, NULL, "/proc/net/sctp/remaddr", NULL,
          "The kernel's table of the peers' addresses: the paths." },
        { "snmp", "source name", NULL, NULL, "/proc/net/sctp/snmp", "RFC 3873",
          "The kernel's counters, of each network namespace." },
        { "sock_diag", "source name", NULL, NULL, "netlink", NULL,
          "The kernel is asked about one association at a time, by its ports and addresses: exact even when the tables "
          "are not. In another network namespace CAP_SYS_ADMIN is needed." },
        { "socket_options", "source name", NULL, NULL, "pidfd_getfd(2)", "RFC 6458 section 8",
          "The options of other processes' sockets, read by a duplicate of the descriptor that is closed again within "
          "a fraction of a millisecond. Needs CAP_SYS_PTRACE and Linux 5.6; SocketOptions=no in sctpmond.conf(5) "
          "switches it off." },
        { "owners", "source name", NULL, NULL, "BPF, /proc/PID/fd", NULL,
          "Which processes have which socket open. The kernel lists them where it has BTF, which needs CAP_SYS_ADMIN "
          "and the host's pid namespace; Bpf=no in sctpmond.conf(5) switches that off. Else the descriptors of each "
          "process are read in /proc, of which other users' need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH." },
        { "conntrack", "source name", NULL, NULL, "netlink", NULL,
          "The host's connection tracking: where a peer connected to before NAT led it into a container. Needs "
          "CAP_NET_ADMIN." },
        { "bpf_events", "source name", NULL, NULL, "BPF", NULL,
          "The kernel tells what happens to associations as it does it, and what made it do so. Its rows are what it has "
          "told so far. Needs what bpf_listing needs; Bpf=no in sctpmond.conf(5) switches it off." },
        { "bpf_listing", "source name", NULL, NULL, "BPF", NULL,
          "One walk through the kernel's own lists of associations and endpoints, instead of eps, assocs, remaddr, "
          "sock_diag and socket_options: nothing is missed, and it takes a fraction of their time. Needs Linux 5.15 "
          "with BTF and kprobes, and CAP_SYS_ADMIN; Bpf=no in sctpmond.conf(5) switches it off." },
};
const size_t n_explanations = ELEMENTS(explanations);

/* As people write names: in any case, and with spaces, hyphens and underscores alike. */
static bool begins_with(const char *text, const char *word, size_t length) {
        for (size_t i = 0; i < length; i++)
                if (strncasecmp(text + i, word + i, 1) != 0 &&
                    !(text[i] && strchr(" -_", text[i]) && strchr(" -_", word[i])))
                        return false;
        return true;
}

/* One of several with spaces between, or some that stand one behind the other. */
static bool has_word(const char *words, const char *word) {
        size_t length = strlen(word);

        for (const char *w = words; w && length > 0; w = strchr(w, ' ') ? strchr(w, ' ') + 1 : NULL)
                if (begins_with(w, word, length) && (w[length] == ' ' || w[length] == '\0'))
                        return true;
        return false;
}

const struct explanation *explain_find(const char *word, size_t *cursor) {
        for (size_t i = *cursor; i < n_explanations; i++)
                if (has_word(explanations[i].name, word) || has_word(explanations[i].columns, word)) {
                        *cursor = i + 1;
                        return explanations + i;
                }
        *cursor = n_explanations;
        return NULL;
}
