// Package luxi is a client for LUXI, the protocol in which ganeti-luxid, on
// the master node of a Ganeti cluster, answers queries and takes jobs.
//
// # The protocol
//
// luxid listens on a unix socket (DefaultSocket) that exists on the master
// node only; root and the members of the group gnt-daemons may connect. On
// another node, or while luxid is down, connecting fails with ENOENT or
// ECONNREFUSED.
//
// A message is JSON text followed by one byte 0x03 (EndOfMessage). Requests
// and answers alternate; any number of them may follow each other on a
// connection, and several connections are independent of each other:
//
//	{"method": "QueryConfigValues", "args": [["drain_flag"]]}     request
//	{"success": true, "result": [false]}                          answer
//	{"success": false, "result": ["JobLost", ["Error ..."]]}      refusal
//	{"success": false, "result": "Failed to parse request: ..."}  luxid hangs up
//
// A refusal carries the class of a Ganeti exception and its arguments; see
// Error. A request that luxid cannot parse, such as one with a bad opcode, is
// answered with plain text, after which luxid closes the connection. When its
// own handler crashes there is no answer at all, and the connection stays open
// until luxid's next garbage collection, which may be long in coming: such a
// call ends by its timeout. luxid also closes a connection that was idle for
// 180 seconds. The sources are
// src/Ganeti/UDSServer.hs, src/Ganeti/Luxi.hs and src/Ganeti/Query/Server.hs
// for the server, and lib/rpc/client.py, lib/rpc/transport.py and lib/luxi.py
// for Ganeti's own client.
//
// # Errors
//
// A call returns its result or one of these errors:
//
//   - *Error: luxid refused, and said why;
//   - *OpError: the transport failed; its field Sent reports whether the request
//     was sent;
//   - *ProtocolError: the answer does not follow the protocol;
//   - *OpCodeError: the request was not sent, as luxid would refuse an opcode;
//   - *FieldError: a value does not fit into the variable for it.
//
// This package never guesses. It never sends a request twice, so a job is never
// submitted twice; OutcomeUnknown reports whether a call that changes something
// may have succeeded although it returned an error. A field without a value (of
// a node that is offline, say) is never mistaken for an empty one, and an answer
// that is cut short or of the wrong shape is an error and not a zero value.
//
// # Queries and jobs
//
// Query lists instances, nodes, groups and other objects as a Table, whose
// cells carry a status each; see Value. Jobs are lists of opcodes (OpCode),
// submitted with SubmitJob or SubmitManyJobs, followed with WaitForJob, and
// looked up with QueryJobs, ListJobs and FindJobs; JobLog reads what they wrote.
// JobOp has methods for the parameters of an opcode, for the objects it is about,
// and for the results of those that only ask. QueryFilterRules reads the filter
// rules of the job scheduler, and StoppingRule evaluates them. Methods of LUXI
// that have no function here can be called with Client.Call.
//
// # Opcodes on instances
//
// The parameters that recur in these opcodes:
//
//   - InstanceName is required.
//   - InstanceUUID, if given, makes the job fail with ECodeNotUnique before it
//     does anything when the name has passed to another instance meanwhile.
//   - TargetNode and Nodes name the nodes to use.
//   - IAllocator names the program that chooses them instead; "." is the
//     cluster's default. Giving both is refused with ECodeInval.
//   - Timeouts are in seconds; 0 means Ganeti's default of 120.
//
// The parameters allow_failover and ignore_consistency are not offered: they
// turn a safe operation into one that may lose data.
//
// The package was written against Ganeti 3.0; 2.16 and 3.1 speak the same
// protocol.
package luxi
