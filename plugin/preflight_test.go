package plugin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// W1: a pass acts on the master only, not while the watcher is paused, and not
// while the queue takes no jobs.
func TestPreflight(t *testing.T) {
	paused := func(d time.Duration) func(*luxitest.Cluster) {
		return func(c *luxitest.Cluster) { c.WatcherPause = repairtest.Present.Add(d) }
	}
	drained := func(c *luxitest.Cluster) { c.QueueDrained = true }
	isPause := func(err error) bool { var p *PausedError; return errors.As(err, &p) }
	isDrained := func(err error) bool { return errors.Is(err, ErrQueueDrained) }
	notMaster := func(err error) bool { return errors.Is(err, ErrNotMaster) }
	fine := func(err error) bool { return err == nil }
	for _, row := range []struct {
		name   string
		edit   func(*luxitest.Cluster)
		host   string
		ignore bool
		want   func(error) bool
		says   string
	}{
		{"master", nil, "node1.example.com", false, fine, ""},
		{"master by its short name", nil, "node1", false, fine, ""},
		{"another node", nil, "node2.example.com", false, notMaster, "the master is node1.example.com, this is node2.example.com"},
		{"no name", nil, "", false, notMaster, "not the master"},
		{"paused", paused(time.Hour), "node1", false, isPause, "gnt-cluster watcher continue"},
		{"paused until now", paused(0), "node1", false, fine, ""},
		{"was paused", paused(-time.Hour), "node1", false, fine, ""},
		{"paused, which is to be ignored", paused(time.Hour), "node1", true, fine, ""},
		{"drained", drained, "node1", false, isDrained, "gnt-cluster queue undrain"},
		{"drained, pauses ignored", drained, "node1", true, isDrained, "drained"},
		{"another node, and paused", paused(time.Hour), "node2.example.com", false, notMaster, "not the master"},
	} {
		r := newRig(t, "cluster c\nnode node1.example.com master\nnode node2.example.com")
		if row.edit != nil {
			r.Master.Edit(row.edit)
		}
		err := Preflight(simtest.Background, r.newPass().Client, row.host, r.Master.Now(), row.ignore)
		if !row.want(err) || err != nil && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", row.name, err)
		}
		if n := len(r.Master.Log()); n > 3 {
			t.Errorf("%s: it takes %d entries in the log", row.name, n)
		}
	}
}

// A pause that luxid still tells of after its end is none.
func TestPreflightStalePause(t *testing.T) {
	r := newRig(t, "cluster c\nnode node1 master")
	for until, want := range map[int64]bool{repairtest.Present.Unix() - 1: true, repairtest.Present.Unix() + 1: false} {
		r.Master.OnCall(func(luxitest.Call) luxitest.Fault {
			return luxitest.ReplaceReply(`{"success":true,"result":["c","node1",false,` + simtest.Itoa(until) + `]}`)
		})
		if err := Preflight(simtest.Background, r.newPass().Client, "node1", r.Master.Now(), false); (err == nil) != want {
			t.Errorf("paused until %d: %v", until, err)
		}
	}
}

// Without luxid nothing is known, least of all that this is the master.
func TestPreflightWithoutLuxid(t *testing.T) {
	r := newRig(t, "cluster c\nnode node1 master")
	r.Master.StopLuxid()
	err := Preflight(simtest.Background, r.newPass().Client, "node1", r.Master.Now(), false)
	if err == nil || errors.Is(err, ErrNotMaster) || !strings.Contains(err.Error(), "asking for the master") {
		t.Errorf("%v", err)
	}
}
