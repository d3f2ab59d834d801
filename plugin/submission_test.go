package plugin

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// C1, P10: the jobs of one pass as they are submitted: a question for room; and in one call
// a hold job, and
// in front of each repair job a gate that waits for the hold job's end however
// it comes, and whose cancellation alone lets the repair job run.
func TestSubmission(t *testing.T) {
	r := newRig(t, "cluster c "+simtest.Tags("reinstall")+simtest.FourNodes+
		"instance one nodes=node2 template=rbd uuid=11111111-1111-4111-8111-111111111111"+
		"\ninstance two nodes=node2 template=plain uuid=22222222-2222-4222-8222-222222222222")
	r.Master.Edit(simtest.Broken("node2:offline"))
	r.set.PassTimeout = repair.DefaultSettings().PassTimeout // the length of the hold job
	var calls []json.RawMessage
	r.Master.OnCall(func(c luxitest.Call) luxitest.Fault {
		if strings.HasPrefix(c.Method, "Submit") && string(c.Args) != "[[]]" {
			calls = append(calls, c.Args)
		}
		return luxitest.Pass()
	})
	r.pass()
	if len(calls) != 3 {
		t.Fatalf("%d submissions, want one that asks for room, one of repair jobs and one of tag jobs", len(calls))
	}
	goldenfile.Want(t, "submission-room.json", indented(t, calls[0]))
	goldenfile.Want(t, "submission.json", indented(t, calls[1]))
	goldenfile.Want(t, "submission-tags.json", indented(t, calls[2]))
}

// indented is JSON with line breaks.
func indented(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}
