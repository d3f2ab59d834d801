package plugin

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair"
)

// rig is a simulated master, and passes over it.
type rig struct {
	*simtest.Rig
	set   repair.Settings
	ids   int
	fence Fence
	newID func() string // r1, r2, ... if nil, which count as asked for (P22)
}

func newRig(t *testing.T, cluster string, adjust ...func(*luxitest.Options)) *rig {
	t.Helper()
	// The bound of a pass is real time, which a busy machine needs more of.
	set := repair.DefaultSettings()
	set.PassTimeout = time.Hour
	return &rig{Rig: simtest.New(t, cluster, adjust...), set: set}
}

// newPass makes a pass; ids are r1, r2, ... in order.
func (r *rig) newPass() *Pass {
	return &Pass{Client: r.Client(), Settings: r.set, Now: r.Master.Now, Log: r.Log, Fence: r.fence, NewID: func() string {
		if r.newID != nil {
			return r.newID()
		}
		r.ids++
		return fmt.Sprintf("r%d", r.ids) // counts as asked for
	}}
}

// canceledBy is the job that a call of CancelJob is about.
func canceledBy(c luxitest.Call) int64 {
	var args []any
	if json.Unmarshal(c.Args, &args) != nil || len(args) == 0 {
		return 0
	}
	id, _ := args[0].(float64)
	return int64(id)
}

// cancels reports whether a call cancels a job of the program of that kind.
func (r *rig) cancels(c luxitest.Call, kind string) bool {
	if c.Method != "CancelJob" {
		return false
	}
	is, _ := simtest.TrailOf(r.Master.Job(canceledBy(c)))
	return is == kind
}

// tryPass does a pass that may fail.
func (r *rig) tryPass() (*Report, error) {
	r.T.Helper()
	p := r.newPass()
	defer p.Client.Close()
	report, err := p.Run(simtest.Background)
	r.Master.Now() // takes the master's lock: what hooks wrote is seen from here on
	return report, err
}

// pass does a pass that must not fail.
func (r *rig) pass() *Report {
	r.T.Helper()
	report, err := r.tryPass()
	if err != nil {
		r.T.Fatalf("pass: %v", err)
	}
	return report
}

// repaired does passes until nothing is pending.
func (r *rig) repaired() {
	r.T.Helper()
	r.until(func(report *Report) bool { return report.Pending == 0 })
}

// until does passes, each followed by the ends of all jobs, until done says so.
func (r *rig) until(done func(*Report) bool) {
	r.T.Helper()
	for n := 0; n < 12; n++ {
		report := r.pass()
		r.Quiet()
		if done(report) {
			return
		}
	}
	r.T.Fatal("repairs do not come to an end")
}
