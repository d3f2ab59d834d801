package record_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/integration/record"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// TestRecorder: what jobs and people do to tags, the beginnings of repair jobs, and
// their releases by the cancellation of gates are noted.
func TestRecorder(t *testing.T) {
	dir, err := os.MkdirTemp("", "rec")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	m, err := luxitest.New(luxitest.MustParse("node n1\nnode n2\ninstance a nodes=n1 template=rbd tags=old"), luxitest.Options{Clock: luxitest.VirtualClock(time.Unix(1700000000, 0))})
	if err != nil {
		t.Fatal(err)
	}
	r := record.New(m, func(string) bool { return true }, func() record.Around { return record.Around{Skew: time.Minute} })
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	client := luxi.New(m.Socket(), luxi.Options{Now: m.Now})
	defer client.Close()

	edit := func(change func(*luxitest.Cluster)) {
		m.Edit(change)
		record.Edited(m)
	}
	edit(func(c *luxitest.Cluster) { c.Instance("a").Tags = []string{judge.Prefix + "suspend"} })
	edit(func(c *luxitest.Cluster) { c.Instance("a").Name = "b" })
	ours := func(text string) luxi.Common {
		return luxi.Common{Reason: []luxi.ReasonEntry{{Source: "ganeti-autorepair", Text: text}}}
	}
	gate := &luxi.TestDelay{Common: ours("gate x failover"), Duration: 1, OnMaster: false}
	gate.Depends = []luxi.Depend{{Job: 3}}
	repair := &luxi.InstanceFailover{Common: ours("repair x failover"), InstanceName: "b", TargetNode: "n2"}
	repair.Depends = []luxi.Depend{{Job: 1, On: []luxi.JobStatus{luxi.JobCanceled}}}
	_, err = client.SubmitManyJobs(context.Background(), [][]luxi.OpCode{
		{gate}, {repair}, {&luxi.TestDelay{Duration: 9, OnMaster: false}},
		{&luxi.TagsSet{Common: ours("tags x"), Kind: luxi.TagInstance, Name: "b", Tags: []string{judge.Prefix + "pending:failover:x:1:2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Advance(2 * time.Second)
	m.OnCall(func(c luxitest.Call) luxitest.Fault { r.Call(c); return luxitest.Pass() })
	if _, _, err := client.CancelJob(context.Background(), 1, false); err != nil {
		t.Fatal(err)
	}
	m.RunUntilQuiet()
	h := r.History()
	var tags, moments []string
	for _, c := range h.Tags {
		tags = append(tags, fmt.Sprintf("%s %s %v %v %s", c.Object, strings.TrimPrefix(c.Tag, judge.Prefix), c.Added, c.Ours, c.Renamed))
	}
	for _, moment := range h.Moments {
		moments = append(moments, fmt.Sprintf("%s %d on %s, %s wrong", moment.Kind, moment.Job, moment.Cluster.Instances[0].Primary, moment.Cluster.Clock.Sub(moment.Cluster.Time)))
	}
	if got := strings.Join(tags, "; "); got != "a old false false ; a suspend true false ; a  false false b; b pending:failover:x:1:2 true true " {
		t.Errorf("tags: %s", got)
	}
	if got := strings.Join(moments, "; "); got != "released 2 on n1, 1m0s wrong; begins 2 on n1, 1m0s wrong" {
		t.Errorf("moments: %s", got)
	}
	if i := h.Last.Instances[0]; i.Primary != "n2" || i.Status != "running" || len(h.Jobs) != 4 || !h.Jobs[1].DependsOn(1) {
		t.Errorf("in the end: %+v, jobs %+v", i, h.Jobs)
	}
}
