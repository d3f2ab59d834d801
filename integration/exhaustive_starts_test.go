package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/tagstore"
)

// A startSituation is a row of the table for instances on good nodes that do not start
// (R1 to R3, D7).
type startSituation struct {
	template, admin, live string
	failed, refused       int // starts by ganeti-watcher, of which Ganeti refused so many
	by                    string
	since                 string // what came after these: "", "started", "moved"
	relocate              string // the setting
	tries                 int    // the setting restart_tries
	permission            string
	newest                string // the newest repair: "none", "lately", "long ago", "failed just now": the same repair has tried
	others                int    // instances of its group in the same state
}

// snapshot renders the situation for the code under test: the starts are read from jobs.
func (r *startSituation) snapshot() (*repair.Snapshot, repair.Settings) {
	now := time.Unix(nowSeconds, 0).UTC()
	set := repair.DefaultSettings()
	set.Relocate, set.RestartTries, set.MaxRelocations = r.relocate, r.tries, 3
	var tags []string
	switch r.permission {
	case "none":
	case "suspended":
		tags = []string{"failover", "suspend"}
	case "asked for":
		tags = []string{fmt.Sprintf("pending:failover:r-aaaaaaaa:%d:", nowSeconds-60)}
	default:
		tags = []string{r.permission}
	}
	if r.newest == "failed just now" {
		tags = append(tags, fmt.Sprintf("pending:failover:p-cccccccc:%d:5", nowSeconds-600))
	}
	var list []*repair.Instance
	starts := make(map[string]repair.StartTries)
	for k := 0; k <= r.others; k++ {
		name, nodes := fmt.Sprintf("web%d", k), "a"
		if r.template == "drbd" {
			nodes = "a b"
		}
		i := repairtest.Instance(name, r.template, nodes, "")
		i.Tags = tagstore.Parse(luxi.TagInstance, prefixed(tags))
		i.AdminState = r.admin
		if i.Live = nil; r.live != "" {
			i.Live = &repair.Live{Status: r.live}
		}
		list = append(list, i)
		id := luxi.JobID(100 + 50*k)
		for n := 0; n < r.failed; n++ {
			id++
			repair.CountStarts(starts, startJob(id, i, r.by, n < r.refused))
		}
		switch r.since {
		case "started":
			repair.CountStarts(starts, luxi.JobInfo{ID: id + 1, Known: true, Status: luxi.JobSuccess, Ops: []luxi.JobOp{{ID: luxi.OpInstanceStartup, Status: luxi.JobSuccess, Params: repairtest.Params("instance_uuid", `"`+i.UUID+`"`)}}})
		case "moved":
			repair.CountStarts(starts, luxi.JobInfo{ID: id + 1, Known: true, Status: luxi.JobSuccess, Ops: []luxi.JobOp{{ID: luxi.OpInstanceFailover, Status: luxi.JobSuccess, Params: repairtest.Params("instance_uuid", `"`+i.UUID+`"`)}}})
		}
	}
	s := repairtest.Snapshot("m a b c", list...)
	s.Time = now
	o := repair.Observed{Now: now, Verified: repair.Verifications{Starts: starts}}
	s.Disks = o.DiskFacts(set)
	switch r.newest {
	case "lately", "long ago":
		hours := map[string]time.Duration{"lately": 1, "long ago": 25}[r.newest]
		s.Past.Mended = map[string]map[string]int64{list[0].UUID: {"r0": now.Add(-hours * time.Hour).Unix()}}
	case "failed just now":
		job := repairtest.For(list[0].Name, repairtest.Failed(5, repair.StepFailover))
		trail := repair.Trail(repair.Mark{Kind: repair.MarkRepair, ID: "p-cccccccc", Step: repair.StepFailover, Row: repair.RowRelocate}, repair.Limit{}, now)
		for k := range job.Ops {
			job.Ops[k].Reason = trail
		}
		s = repairtest.WithJobs(s, job)
	}
	return s, set
}

// startJob is a STARTUP of the instance that failed.
func startJob(id luxi.JobID, i *repair.Instance, by string, refused bool) luxi.JobInfo {
	err := &luxi.Error{Class: "OpExecError", Message: "Hypervisor error"}
	if refused {
		err = &luxi.Error{Class: "OpPrereqError", Message: "it is marked offline", Code: "wrong_state"}
	}
	op := luxi.JobOp{
		ID: luxi.OpInstanceStartup, Status: luxi.JobError, Params: repairtest.Params("instance_uuid", `"`+i.UUID+`"`),
		Reason: []luxi.ReasonEntry{{Source: by, Text: "x"}}, ExecStart: time.Unix(nowSeconds-int64(3600-60*id%3000), 0),
	}
	op.Params["instance_name"] = repairtest.Text(i.Name)
	op.Result.Err = err
	return luxi.JobInfo{ID: id, Known: true, Status: luxi.JobError, Ended: time.Unix(nowSeconds-600, 0), Ops: []luxi.JobOp{op}}
}

// demands says which reason is given, and whether the instance is moved.
func (r *startSituation) demands() (reason string, moved bool) {
	mirrored := r.template == "drbd" || r.template == "rbd" || r.template == "sharedfile"
	counted := 0
	if r.by == "gnt:watcher" && r.since == "" {
		counted = r.failed
	}
	asked := r.permission == "asked for"
	switch {
	case r.newest == "failed just now":
		// R2: not tried again. Where nothing is needed any more the repair is settled by what
		// the instance is.
		return "", false
	case r.relocate != "repair" || r.tries == 0 || counted < r.tries || r.admin != "up" || !mirrored, r.live != "" && r.live != "ERROR_down":
		switch {
		case r.permission == "suspended":
			return "healthy", false
		case asked:
			return "unsettled", false
		}
		return "healthy", false
	case r.permission == "suspended":
		return "suspended", false
	case r.live == "":
		return "no-live-status", false
	case counted-r.refused < r.tries:
		return "cannot-start", false
	case r.permission == "none":
		return "no-permission", false
	case r.permission == "fix-storage" || r.permission == "migrate":
		return "too-weak", false
	case r.newest == "lately" && !asked:
		return "flapping", false
	case r.others >= 3 && !asked:
		return "many-down", false
	}
	return "ready", true
}

// TestEveryStartSituation (R1 to R3, D7): what ganeti-watcher could not start, in every
// state, with each permission, setting and newest repair.
func TestEveryStartSituation(t *testing.T) {
	rows, failures, moves := 0, 0, 0
	each := func(r startSituation) {
		if r.refused > r.failed {
			return
		}
		rows++
		s, set := r.snapshot()
		n := 0
		p := repair.NewPlan(s, &repair.Placer{}, set, func() string { n++; return fmt.Sprintf("p-aaaaaa%02d", n) })
		var d repair.Decision
		for _, other := range p.Decisions {
			if other.Instance.Name == "web0" {
				d = other
			}
		}
		moved, other := "", ""
		for _, a := range p.Actions {
			if a.Job == nil || a.Decision.Instance.Name != "web0" {
				continue
			}
			var ops []string
			for _, op := range a.Job.OpCodes {
				ops = append(ops, strings.TrimPrefix(op.OpID(), "OP_INSTANCE_"))
			}
			moved = strings.Join(ops, "+")
		}
		if d.Start != nil && d.Start.Step != repair.StepFailover {
			other = string(d.Start.Step)
		}
		reason, want := r.demands()
		steps := map[bool]string{true: "ACTIVATE_DISKS+FAILOVER", false: "FAILOVER"}[r.template == "drbd"]
		if d.Start != nil {
			moves++
		}
		switch {
		case other != "", want != (d.Start != nil), reason != "" && string(d.Reason) != reason, moved != "" && moved != steps:
			// R2, P19: drbd compares its copies first.
			if failures++; failures <= mostFailures {
				t.Errorf("%+v: %s %s, moved %v by %q %s, should be %q %v (%s)", r, d.State, d.Reason, d.Start != nil, moved, other, reason, want, d.Detail)
			}
		}
	}
	for _, template := range []string{"drbd", "rbd", "sharedfile", "plain", "file"} {
		for _, admin := range []string{"up", "down"} {
			for _, live := range []string{"ERROR_down", "running", "USER_down", "ERROR_wrongnode", "ERROR_up", ""} {
				for _, failed := range []int{0, 4, 5, 9} {
					for _, refused := range []int{0, 4, 5} {
						for _, relocate := range []string{"off", "report", "repair"} {
							for _, permission := range []string{"none", "fix-storage", "migrate", "failover", "reinstall", "suspended", "asked for"} {
								for _, newest := range []string{"none", "lately", "long ago", "failed just now"} {
									r := startSituation{template, admin, live, failed, refused, "gnt:watcher", "", relocate, 5, permission, newest, 0}
									each(r)
									if live != "ERROR_down" || failed == 4 {
										continue
									}
									for _, by := range []string{"gnt:user", "gnt:client:gnt-instance"} {
										r.by = by
										each(r)
									}
									r.by = "gnt:watcher"
									for _, since := range []string{"started", "moved"} {
										r.since = since
										each(r)
									}
									r.since = ""
									for _, tries := range []int{0, 9, 10} {
										r.tries = tries
										each(r)
									}
									r.tries = 5
									for _, others := range []int{2, 3} {
										r.others = others
										each(r)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d situations, in %d the instance is moved, %d fail", rows, moves, failures)
	if rows < 50000 || moves < 150 {
		t.Errorf("the table has %d rows only, and in %d of them the instance is moved", rows, moves)
	}
}
