// Package luxitest is a simulated Ganeti master for tests and demonstrations: it serves LUXI on a real unix socket and
// behaves, as far as a client that repairs instances can tell, like luxid and the job queue of Ganeti 3.0.
//
// A Master holds a Cluster (configuration and truth: what really runs where, and what became of the data) and a job
// queue with processes, dependencies, slots, priorities and locks. Opcodes are checked and executed as Ganeti does,
// errors included. Time is the machine's, a faster one, or a virtual one that stands still until a test advances it or
// a client waits for a job:
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
// Faults of the connection are injected by a hook per call (OnCall), faults of opcodes by a hook per opcode
// (OnOpcode); StopLuxid, CrashLuxid, RestartLuxid, MasterFailover and KillJobProcess do what their names say. A Proxy
// injects faults between any client and any master, a real one included.
//
// What is not simulated: networks, exports, hooks, instance policies, job filters, several disks per instance, the
// slow rise of the priority of jobs that wait for locks, the moment in which luxid still shows the configuration before
// a change, the time that a submission and a write of the configuration take, and opcodes beyond the repair opcodes and
// a few that administrators use meanwhile. An opcode that is not simulated is refused like one that does not exist.
// The allocator looks at free memory where hail computes a score: which of several possible nodes it takes may differ.
//
// integration/conformance_test.go compares the simulator with a real master.
package luxitest
