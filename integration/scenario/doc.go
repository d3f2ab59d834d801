// Package scenario plays stories of a cluster against the simulated master and
// tells what auto-repair does.
//
// A scenario is a text file: a title, the demands it proves, a cluster, events
// on a virtual clock, and the log that is expected.
//
//	A stopped instance on a drained node is failed over
//	demands: P6 S4
//	ends: F web | web:success
//	-- cluster --
//	cluster c tags=migrate
//	instance web nodes=node2 template=rbd state=down
//	-- events --
//	drain node2
//	repair
//	-- log --
//	...
//
// The end is written by hand: the repair jobs that begin, in order (F failover, M
// migrate, RD replace-disks, CHAIN reinstallation; "!" if it does not succeed) after
// the nodes that passes mark offline (OFFLINE), and the records that each instance is
// left with. "undisturbed: WHY" keeps the scenario out of the crash matrix.
//
// The cluster is in the text form of package luxitest, with the nodes node1 to
// node4 unless there are others; tags are written without their prefix, and NOW+n
// stands for a Unix time. The events are listed in events.go. "go test
// ./integration/scenario -update" writes the logs anew.
//
// What holds whatever happens is checked in every run by package judge: no repair job
// begins before its pending tag is written, none without its release.
package scenario
