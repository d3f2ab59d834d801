package nodesim

import (
	"context"
	"strings"
	"testing"
	"time"
)

// What a node is without shows in who reaches it.
func TestReach(t *testing.T) {
	for _, row := range []struct {
		name      string
		lose      func(r *rig)
		back      func(r *rig) error
		runs      bool // what ran there still does
		connected bool // its replication goes on
		rebooted  bool
	}{
		{"power", func(r *rig) { r.PowerOff("b") }, func(r *rig) error { return r.PowerOn("b") }, false, false, true},
		{"network", func(r *rig) { r.Unplug("b") }, func(r *rig) error { return r.Plug("b") }, true, false, false},
		{"daemon", func(r *rig) { r.StopDaemon("b") }, func(r *rig) error { return r.StartDaemon("b") }, true, true, false},
	} {
		row := row
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "a", "b")
			d := r.onAB()
			r.Place(Placement{Instance: "other", Hypervisor: "kvm", Memory: 1, Nodes: []string{"b"}, RunsOn: []string{"b"}})
			boot := func() string { return strings.SplitN(string(r.must("b", "node_info", nil, nil)), ",", 2)[0] }
			before := boot()
			row.lose(r)
			if _, err := r.call("b", "version"); err == nil {
				t.Error("b answers")
			}
			if got := len(r.RunsOn("other")) == 1; got != row.runs {
				t.Errorf("it runs on: %v", got)
			}
			degraded := map[bool]string{true: "false 1", false: "true 1"}
			r.wantStatus("a", d, degraded[row.connected])
			if err := row.back(r); err != nil {
				t.Fatal(err)
			}
			if got := boot() != before; got != row.rebooted {
				t.Errorf("rebooted: %v", got)
			}
			if !row.rebooted {
				r.wantStatus("a", d, "false 1")
			}
			r.wantIncidents()
		})
	}
}

// Power that is on stays on, with all that runs.
func TestPowerOnTwice(t *testing.T) {
	r := newRig(t, "a", "b")
	r.onAB()
	if err := r.PowerOn("a"); err != nil {
		t.Fatal(err)
	}
	if len(r.RunsOn("web")) != 1 || !r.Powered("a") {
		t.Error("a was rebooted")
	}
}

// The out-of-band program does what it is told, fails, lies or hangs.
func TestOOB(t *testing.T) {
	r := newRig(t, "a", "b")
	ctx := context.Background()
	run := func(command, node string) string {
		t.Helper()
		out, err := r.RunOOB(ctx, command, node)
		if err != nil {
			return "error: " + err.Error()
		}
		return out
	}
	want := func(command, node, want string) {
		t.Helper()
		if got := run(command, node); got != want {
			t.Errorf("%s %s: %q, want %q", command, node, got, want)
		}
	}
	want("power-status", "a", `{"powered":true}`)
	want("health", "a", `[["disk0", "OK"]]`)
	want("power-off", "a", "")
	want("power-status", "a", `{"powered":false}`)
	if _, err := r.call("a", "version"); err == nil {
		t.Error("a answers though it is off")
	}
	want("power-on", "a", "")
	want("power-status", "a", `{"powered":true}`)
	r.must("a", "version")
	r.onAB()
	want("power-cycle", "a", "")
	if got := r.RunsOn("web"); len(got) != 0 || !r.Powered("a") {
		t.Errorf("web runs on %v after a power-cycle", got)
	}
	want("power-off", "c", "error: unknown node c")
	want("explode", "a", "error: unknown command explode")

	r.SetOOB("a", OOBLies)
	want("power-off", "a", "")
	want("power-status", "a", `{"powered":true}`)
	r.must("a", "version")

	r.SetOOB("a", OOBDeceives)
	want("power-off", "a", "")
	want("power-status", "a", `{"powered":false}`)
	r.must("a", "version")
	want("power-on", "a", "")
	want("power-status", "a", `{"powered":true}`)

	r.SetOOB("", OOBFails)
	want("power-off", "b", "error: the management board does not answer")
	want("power-status", "b", "error: the management board does not answer")
	want("power-status", "a", `{"powered":true}`)

	r.SetOOB("b", OOBHangs)
	short, cancel := context.WithCancel(ctx)
	done := make(chan error, 2)
	go func() { _, err := r.RunOOB(short, "power-off", "b"); done <- err }()
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("a hanging program ended with %v", err)
	}
	go func() { _, err := r.RunOOB(ctx, "power-off", "b"); done <- err }()
	r.SetOOB("b", OOBWorks)
	if err := <-done; err != nil || r.Powered("b") {
		t.Errorf("it went on and ended with %v, b has power: %v", err, r.Powered("b"))
	}
}

// A rebooted node answers again, and nothing runs there.
func TestPowercycle(t *testing.T) {
	r := newRig(t, "a", "b")
	r.onAB()
	r.must("a", "node_powercycle", "kvm", object{})
	deadline := time.After(time.Minute)
	for len(r.RunsOn("web")) > 0 || !r.Powered("a") {
		select {
		case <-deadline:
			t.Fatal("a was not rebooted")
		default:
		}
	}
}
