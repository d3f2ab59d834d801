package plugin

import (
	"fmt"
	"testing"

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
	return &rig{Rig: simtest.New(t, cluster, adjust...), set: repair.DefaultSettings()}
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
