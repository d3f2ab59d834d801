// Package luxitest is a simulated Ganeti master for tests and demonstrations: it serves LUXI on a real unix socket and
// behaves, as far as a client that repairs instances can tell, like luxid and the job queue of Ganeti 3.0.
//
// A Master holds a Cluster (configuration and truth: what really runs where, and what became of the data) and a job
// queue with processes, dependencies, slots, priorities, locks and filter rules. Opcodes are checked and executed as
// Ganeti does, errors and job logs included. Time is the machine's, a faster one, or a virtual one that stands still until
// a test advances it or a client waits for a job:
//
//	cluster := luxitest.MustParse(`
//		node node1
//		node node2 offline dead
//		instance web1 template=sharedfile nodes=node2
//	`)
//	m, err := luxitest.New(cluster, luxitest.Options{Clock: luxitest.VirtualClock(start)})
//	...
//	err = m.Start(filepath.Join(dir, "socket"))
//	defer m.Close()
//	... let a client talk to the socket ...
//	m.RunUntilQuiet()
//	if m.Snapshot().Instance("web1").Data.Generation != 1 { t.Error("data was destroyed") }
//	golden := m.LogText()
//
// The Master records what must never happen to an instance (Incidents): that it runs twice, starts from a copy that lacks
// writes although a better one is on an online node, or loses data that was on an online node.
//
// A hook per call injects faults of the connection (OnCall), a hook per opcode faults of opcodes at several points of
// their execution (OnOpcode); StopLuxid, CrashLuxid, RestartLuxid, MasterFailover, KillJobProcess, ReplaceFilter, Cut and
// Mend do what their names say, and Edit changes the cluster in any other way. A Proxy injects faults between any client
// and any master, a real one included.
//
// Not simulated are networks, exports, hooks, instance policies, several disks per instance, the slow rise of the priority
// of jobs that wait for locks, the moment in which luxid still shows the configuration before a change, the time that a
// submission and a write of the configuration take, and most opcodes beyond those of repairs and of what administrators
// use meanwhile. An opcode that is not simulated is refused like one that does not exist, and a part of an opcode that is
// not simulated fails with an error that begins with "luxitest:".
//
// Known differences: the allocator looks at free memory where hail computes a score, so which of several possible nodes it
// takes may differ. A drbd resynchronization after an interruption takes no time. A failover to an incomplete copy, with
// the complete one out of reach, counts as loss of the contents, where drbd refuses to use that copy.
//
// The tests TestConformance... in package integration compare the simulator with a real master.
package luxitest
