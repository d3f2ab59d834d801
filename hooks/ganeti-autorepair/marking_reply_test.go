package main

import (
	"strings"
	"testing"

	"ganeti-autorepair/luxi/luxitest"
)

// K6: the reply to the release is lost, and the job waits for a lock that somebody took right
// then. The program takes it back at once, and does not leave it to a later pass, which a
// pause may keep from coming.
func TestReleaseWithoutReplyIsTakenBack(t *testing.T) {
	n := readyToMark(t, markSettings)
	n.m.OnOpcode(func(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
		if op.ID == "OP_NODE_SET_PARAMS" && op.Params["vm_capable"] != nil {
			return luxitest.OpHangs()
		}
		return luxitest.OpPass()
	})
	other := int64(0)
	n.m.OnCall(func(c luxitest.Call) luxitest.Fault {
		if c.Method == "CancelJob" && n.opcodes("OP_NODE_SET_PARAMS") == 1 && other == 0 {
			other = n.submit(`{"OP_ID":"OP_NODE_SET_PARAMS","reason":[],"node_name":"node2","vm_capable":true}`)
			return luxitest.DieAfter()
		}
		return luxitest.Pass()
	})
	n.run("run", "--from-watcher")
	n.m.OnCall(nil)
	if other == 0 {
		t.Fatal("nothing was released")
	}
	n.lives("node2")
	n.m.OnOpcode(nil)
	n.m.Continue(other)
	n.m.RunUntilQuiet()
	if n.offline("node2") {
		t.Errorf("marked by a job that nobody waited for:\n%s", strings.Join(n.log(), "\n"))
	}
}
