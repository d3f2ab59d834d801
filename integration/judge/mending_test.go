package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// newMending is the tale of web on the good nodes n2 and n3: a look finds what is true of
// its disks, and job 12 mends them.
func newMending(row, mode string, change func(web *Instance)) *tale {
	web := &Instance{
		Name: "web", UUID: "web-uuid", Template: "drbd", Admin: "up", Primary: "n2", Secondary: "n3", Status: "running", DisksActive: true,
		Truth: true, RunsOn: []string{"n2"}, Whole: []string{"n2"}, Faulty: []string{"n3"}, Generation: 1,
	}
	change(web)
	first := &Cluster{
		Time: start, Clock: start, Tags: []string{Prefix + "failover"}, Groups: map[string][]string{"g": nil}, Instances: []*Instance{web},
		Nodes: map[string]Node{"n1": {Group: "g"}, "n2": {Group: "g"}, "n3": {Group: "g"}, "n4": {Group: "g"}},
		Settings: Settings{
			MaxAttempts: 3, Interval: 15 * time.Minute, MendsDisks: true, Relocates: true, RestartTries: 2, MaxRelocations: 1, RepeatAfter: 24 * time.Hour,
		},
	}
	typ := map[string]string{"D3": "fix-storage", "D4": "fix-storage", "R1": "failover"}[row]
	named := first.copy(10)
	named.Instances[0].Tags = []string{Prefix + "pending:" + typ + ":own1:1700000000:12"}
	look := Job{ID: 10, Status: "success", Received: start, Ended: start.Add(2 * time.Second), Ops: []Op{{
		ID: "OP_INSTANCE_QUERY_DATA", Status: "success", Began: start.Add(time.Second), Ended: start.Add(2 * time.Second), Params: map[string]any{"instances": []string{"web"}}, Reason: ours("probe disks"),
	}}}
	params := map[string]any{}
	op := "OP_INSTANCE_FAILOVER"
	if mode != "" {
		op, params["mode"] = "OP_INSTANCE_REPLACE_DISKS", mode
	}
	job := repairJob(12, "own1", op, 12, 60, params)
	job.Ops[0].Reason = append(job.Ops[0].Reason, [2]string{source, "row " + row})
	h := &History{
		First: first, Last: named.copy(70), Own: func(id string) bool { return strings.Contains(id, "own") },
		Moments: []Moment{
			{Kind: Looks, Job: 10, Cluster: first.copy(1)},
			{Kind: PassBegins, Cluster: first.copy(5)},
			{Kind: Released, Job: 12, Cluster: named},
			{Kind: PassEnds, Cluster: named.copy(11)},
			{Kind: Begins, Job: 12, Cluster: named.copy(12)},
		},
		Jobs: []Job{look, job},
	}
	return &tale{h, 1, 2, 4, 3}
}

// failedStart is an INSTANCE_STARTUP of web by ganeti-watcher that failed.
func failedStart(id int64, class string) Job {
	j := repairJob(id, "", "OP_INSTANCE_STARTUP", int(id)-9, int(id)-9, nil)
	j.Status, j.Ops[0].Status, j.Ops[0].Class, j.Ops[0].Message = "error", "error", class, "no"
	j.Ops[0].Reason = [][2]string{{"gnt:watcher", "watcher"}}
	return j
}

// TestMendingIsJudged (D2 to D4, D7, D10, R1 to R3): each rule of the judge for good nodes
// has a tale that breaks it and, as the first ones, one that does not.
func TestMendingIsJudged(t *testing.T) {
	same := func(*Instance) {}
	onPrimary := func(web *Instance) { web.Whole, web.Faulty = []string{"n3"}, []string{"n2"} }
	down := func(web *Instance) {
		web.Whole, web.Faulty, web.RunsOn, web.Status = []string{"n2", "n3"}, nil, nil, "ERROR_down"
	}
	relocation := func(change func(t *tale)) func() *tale {
		return func() *tale {
			t := newMending("R1", "", down)
			t.Jobs = append([]Job{failedStart(7, "OpExecError"), failedStart(8, "OpExecError")}, t.Jobs...)
			change(t)
			return t
		}
	}
	earlier := func(repair, row, status string, t *tale) {
		j := repairJob(6, repair, t.Jobs[1].Ops[0].ID, -90, -60, t.Jobs[1].Ops[0].Params)
		j.Ops[0].Reason, j.Status, j.Ops[0].Status = append(j.Ops[0].Reason, [2]string{source, "row " + row}), status, status
		j.Received = start.Add(-2 * time.Minute)
		t.Jobs = append([]Job{j}, t.Jobs...)
	}
	for _, test := range []struct {
		name string
		tale func() *tale
		want string // the demand that is broken
	}{
		{"the secondary's copy is lost", func() *tale { return newMending("D3", "replace_new_secondary", same) }, ""},
		{"the primary's disk is lost", func() *tale { return newMending("D4", "replace_on_primary", onPrimary) }, ""},
		{"it was not started twice", relocation(func(*tale) {}), ""},
		{"nothing is lost", func() *tale {
			return newMending("D3", "replace_new_secondary", func(web *Instance) { web.Whole, web.Faulty = []string{"n2", "n3"}, nil })
		}, "P12"},
		{"the only good copy is thrown away", func() *tale { return newMending("D3", "replace_new_secondary", onPrimary) }, "D10"},
		{"a split brain", func() *tale {
			return newMending("D3", "replace_new_secondary", func(web *Instance) { web.Split, web.Whole, web.Faulty = true, nil, nil })
		}, "D10"},
		{"a mode that chooses by itself", func() *tale { return newMending("D3", "replace_auto", same) }, "D10"},
		{"the mode of another row", func() *tale { return newMending("D3", "replace_on_primary", onPrimary) }, "D10"},
		{"the disks changed after the look", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			t.from(2, func(_ *Cluster, web *Instance) { web.Whole, web.Faulty = []string{"n2", "n3"}, nil })
			return t
		}, ""},
		{"no look was taken", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			t.from(1, func(_ *Cluster, web *Instance) { web.Whole, web.Faulty = []string{"n2", "n3"}, nil })
			t.Moments[0].Kind = PassFails
			return t
		}, "P12"},
		{"the look was at another place", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			t.from(1, func(_ *Cluster, web *Instance) {
				web.Secondary, web.Whole, web.Faulty = "n4", []string{"n2", "n4"}, nil
			})
			return t
		}, "P12"},
		{"the setting is not repair", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			t.from(0, func(c *Cluster, _ *Instance) { c.Settings.MendsDisks = false })
			return t
		}, "P12"},
		{"repaired an hour ago by another repair", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			earlier("own0", "D3", "success", t)
			return t
		}, "D7"},
		{"asked for after a repair", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			earlier("own0", "D3", "success", t)
			t.Own = func(string) bool { return false }
			return t
		}, ""},
		{"the same repair failed before", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			earlier("own1", "D3", "error", t)
			return t
		}, ""},
		{"tried again on the primary", func() *tale {
			t := newMending("D4", "replace_on_primary", onPrimary)
			earlier("own1", "D4", "error", t)
			return t
		}, "D4"},
		{"moved again", relocation(func(t *tale) {
			j := repairJob(6, "own1", "OP_INSTANCE_FAILOVER", -90, -60, nil)
			j.Ops[0].Reason, j.Status, j.Ops[0].Status = append(j.Ops[0].Reason, [2]string{source, "row R1"}), "error", "error"
			t.Jobs = append([]Job{j}, t.Jobs...)
		}), "R2"},
		{"started once only", relocation(func(t *tale) { t.Jobs = t.Jobs[1:] }), "R1"},
		{"refused once", relocation(func(t *tale) { t.Jobs[0].Ops[0].Class = "OpPrereqError" }), "R1"},
		{"a person tried", relocation(func(t *tale) { t.Jobs[0].Ops[0].Reason[0][0] = "gnt:user" }), "R1"},
		{"not mirrored", relocation(func(t *tale) {
			t.from(0, func(_ *Cluster, web *Instance) { web.Template, web.Secondary = "plain", "" })
		}), "R1"},
		{"it runs", relocation(func(t *tale) {
			t.from(0, func(_ *Cluster, web *Instance) { web.RunsOn, web.Status = []string{"n3"}, "ERROR_wrongnode" })
		}), "P12"},
		{"two of a group in a pass", relocation(func(t *tale) {
			for k := range t.Moments {
				c := t.Moments[k].Cluster
				db := *c.Instances[0]
				db.Name, db.UUID = "db", "db-uuid"
				db.Tags = []string{strings.Replace(fmt.Sprint(db.Tags), "own1", "own2", 1)}
				c.Instances = append(c.Instances, &db)
			}
			other := repairJob(13, "own2", "OP_INSTANCE_FAILOVER", 60, 70, map[string]any{"instance_uuid": "db-uuid", "instance_name": "db"})
			other.Ops[0].Reason = append(other.Ops[0].Reason, [2]string{source, "row R1"})
			t.Jobs = append(t.Jobs, other)
			t.Moments = append(t.Moments[:3:3], append([]Moment{{Kind: Released, Job: 13, Cluster: t.Moments[2].Cluster}}, t.Moments[3:]...)...)
		}), "R2"},
		{"the program starts it", func() *tale {
			t := newMending("D3", "replace_new_secondary", same)
			op := t.Jobs[1].Ops[0]
			op.ID = "OP_INSTANCE_STARTUP"
			t.Jobs[1].Ops = append(t.Jobs[1].Ops, op)
			return t
		}, "R3"},
	} {
		found := Judge(test.tale().History)
		has, ok := false, len(found) == 0
		for _, f := range found {
			has = has || f.Demand == test.want
		}
		if test.want == "" && !ok || test.want != "" && !has {
			t.Errorf("%s: found is %v, %q was to be", test.name, found, test.want)
		}
	}
}

// TestMendingIsOwed (D3, D4, D5, D7, D8, R1): what could have been mended is owed, all else
// has to be told.
func TestMendingIsOwed(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *History, c *Cluster, web *Instance)
		owed   string
		unwell bool
	}{
		{"the secondary's copy is lost", func(*History, *Cluster, *Instance) {}, "D3", true},
		{"the primary's is", func(_ *History, _ *Cluster, web *Instance) { web.Whole, web.Faulty = []string{"n3"}, []string{"n2"} }, "D4", true},
		{"nothing is permitted", func(_ *History, c *Cluster, _ *Instance) { c.Tags = nil }, "", true},
		{"it is only reported", func(_ *History, c *Cluster, _ *Instance) { c.Settings.MendsDisks = false }, "", false},
		{"no verification looks at it", func(_ *History, _ *Cluster, web *Instance) {
			web.DisksActive, web.Status, web.RunsOn = false, "ADMIN_down", nil
		}, "", false},
		{"both are lost", func(_ *History, _ *Cluster, web *Instance) { web.Whole, web.Faulty = nil, []string{"n2", "n3"} }, "", true},
		{"a split brain", func(_ *History, _ *Cluster, web *Instance) { web.Whole, web.Faulty, web.Split = nil, nil, true }, "", true},
		{"a split brain, and pending", func(_ *History, _ *Cluster, web *Instance) {
			web.Whole, web.Faulty, web.Split, web.Tags = nil, nil, true, []string{pendingTag}
		}, "", true},
		{"repaired an hour ago", func(h *History, c *Cluster, _ *Instance) {
			j := repairJob(6, "own0", "OP_INSTANCE_REPLACE_DISKS", 0, 60, nil)
			j.Ops[0].Reason = append(j.Ops[0].Reason, [2]string{source, "row D3"})
			h.Jobs = append(h.Jobs, j)
		}, "", true},
		{"a result an hour ago, the job of which is purged", func(_ *History, c *Cluster, web *Instance) {
			web.Tags = []string{fmt.Sprintf("%sresult:fix-storage:own0:%d:success:6", Prefix, c.Clock.Unix()-3600)}
		}, "", true},
		{"a result an hour ago, of a repair on another node", func(h *History, c *Cluster, web *Instance) {
			web.Tags = []string{fmt.Sprintf("%sresult:fix-storage:own0:%d:success:6", Prefix, c.Clock.Unix()-3600)}
			h.Jobs = append(h.Jobs, repairJob(6, "own0", "OP_INSTANCE_REPLACE_DISKS", 0, 60, nil))
		}, "D3", true},
		{"shared storage that runs twice, and is pending", func(_ *History, _ *Cluster, web *Instance) {
			web.Template, web.Secondary, web.Whole, web.Faulty, web.RunsOn, web.Tags = "rbd", "", nil, nil, []string{"n2", "n3"}, []string{pendingTag}
		}, "S6", false},
		{"the storage of its node is gone", func(_ *History, c *Cluster, web *Instance) {
			for k := 0; k < 3; k++ {
				other := *web
				other.UUID = fmt.Sprint(k)
				c.Instances = append(c.Instances, &other)
			}
		}, "", true},
		{"a plain volume is lost", func(_ *History, _ *Cluster, web *Instance) {
			web.Template, web.Secondary, web.Whole, web.Faulty = "plain", "", nil, nil
		}, "", true},
		{"given up by the watcher", func(h *History, _ *Cluster, web *Instance) {
			web.Whole, web.Faulty, web.RunsOn, web.Status = []string{"n2", "n3"}, nil, nil, "ERROR_down"
			h.Jobs = []Job{failedStart(7, "OpExecError"), failedStart(8, "OpExecError")}
		}, "", true},
		{"well", func(_ *History, _ *Cluster, web *Instance) { web.Whole, web.Faulty = []string{"n2", "n3"}, nil }, "", false},
	} {
		h := newMending("D3", "replace_new_secondary", func(*Instance) {}).History
		h.Jobs = nil
		c := h.Last
		c.Instances[0].Tags = nil
		test.change(h, c, c.Instances[0])
		owed := ""
		for _, f := range Owed(h) {
			owed = f.Demand
		}
		if unwell := len(Unwell(h)) > 0; owed != test.owed || unwell != test.unwell {
			t.Errorf("%s: owed is %q, unwell %v", test.name, owed, unwell)
		}
	}
}
