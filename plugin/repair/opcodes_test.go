package repair_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// Every step for every disk template that can come to it, with and without an
// allocator, as it is sent (P10, P11, P13).
func TestOpCodes(t *testing.T) {
	var b strings.Builder
	for _, row := range []struct{ nodes, i, cluster, admin string }{
		{"m a b:offline c", "drbd a b", "", "up"},
		{"m a:drained b c", "drbd a b", "", "up"},
		{"m a:drained b c", "drbd a b", "", "down"},
		{"m a:drained b:offline c", "drbd a b", "", "up"},
		{"m a:offline b c", "drbd a b", "", "up"},
		{"m a:offline b:offline c", "drbd a b", "", "up"},
		{"m a:offline b:offline c", "drbd a b", "", "down"},
		{"m a:drained b", "diskless a", "", "up"},
		{"m a:offline b", "diskless a", "", "up"},
		{"m a:drained b", "sharedfile a", "", "down"},
		{"m a:offline b", "sharedfile a", "", "down"},
		{"m a:drained b", "gluster a", "", "up"},
		{"m a:offline b", "gluster a", "", "up"},
		{"m a:drained b", "rbd a", "", "up"},
		{"m a:offline b", "rbd a", "", "up"},
		{"m a:drained b", "ext a", "", "up"},
		{"m a:offline b", "ext a", "", "up"},
		{"m a:drained b", "blockdev a", "", "up"},
		{"m a:offline b", "blockdev a", "", "up"},
		{"m a:offline b", "plain a", "", "up"},
		{"m a:offline b", "plain a", "", "down"},
		{"m a:offline b", "file a", "", "up"},
		{"m a:offline b", "rbd a", "none", "up"},
		{"m a:drained b", "rbd a", "none", "up"},
		{"m a b:offline c", "drbd a b", "none", "up"},
		{"m a:offline b c", "drbd a b", "none", "up"},
		{"m a:offline b", "rbd a", "other-hail", "up"},
		{"m a b:offline c", "drbd a b", "other-hail", "up"},
		{"m a:offline b:offline c", "drbd a b", "other-hail", "up"},
	} {
		d, ops := planned(row.nodes, row.i, row.cluster, row.admin)
		fmt.Fprintf(&b, "%s on %s, admin %s, allocator %q: %s, %s\n", row.i, row.nodes, row.admin, row.cluster, d.Need.Row, d.Start.Step)
		for _, op := range ops {
			raw, err := luxi.MarshalOp(op)
			if err != nil {
				t.Fatal(err)
			}
			checkOpCode(t, raw, d.Instance)
			fmt.Fprintf(&b, "  %s\n", raw)
		}
		last := ops[len(ops)-1].OpID()
		if d.Start.Step == repair.StepReinstall && (last == "OP_INSTANCE_STARTUP") != (row.admin == "up") {
			t.Errorf("P10: a chain for an instance that is admin %s ends with %s", row.admin, last)
		}
	}
	goldenfile.Want(t, "opcodes.txt", b.String())
}

// planned is the step of an instance in need, with nodes chosen as a placer
// would where that is wanted.
func planned(nodes, words, allocatorIs, admin string) (repair.Decision, []luxi.OpCode) {
	parts := strings.SplitN(words, " ", 2)
	i := repairtest.Instance("i", parts[0], parts[1], "")
	i.AdminState = admin
	if admin == "down" {
		i.Live = &repair.Live{Status: "ADMIN_down"}
	}
	s := repairtest.Allow(repairtest.Snapshot(nodes, i), "reinstall")
	set := repair.DefaultSettings()
	set.MaxUnhealthy = repair.Share{Percent: 100}
	switch allocatorIs {
	case "":
	case "none":
		s.Cluster.IAllocator = ""
	default:
		set.IAllocator = allocatorIs
	}
	placer := repair.NewPlacer()
	for name, memory := range map[string]int64{"m": 2000, "c": 1000, "b": 500} {
		if n := s.Nodes[name]; n != nil && n.Usable() {
			placer.Rooms[n.Group] = append(placer.Rooms[n.Group], repair.Room{Node: name, Group: n.Group, Memory: memory})
		}
	}
	placer.Demands[i.UUID] = repair.Demand{Memory: 100}
	p := repair.NewPlan(s, placer, set, func() string { return "k3v9x2ab" })
	return p.Decisions[0], p.Actions[0].Job.OpCodes
}

// checkOpCode checks what holds for every opcode (P11).
func checkOpCode(t *testing.T, raw []byte, i *repair.Instance) {
	t.Helper()
	var op map[string]any
	if err := json.Unmarshal(raw, &op); err != nil {
		t.Fatal(err)
	}
	if op["instance_name"] != i.Name || op["instance_uuid"] != i.UUID {
		t.Errorf("P11: %s does not name the instance and its UUID", raw)
	}
	for _, never := range []string{"allow_failover", "ignore_consistency", "force", "ignore_offline_nodes", "ignore_ipolicy", "dry_run", "priority"} {
		if _, given := op[never]; given {
			t.Errorf("P11: %s sets %s", raw, never)
		}
	}
	if strings.IndexFunc(string(raw), func(r rune) bool { return r > '~' }) >= 0 {
		t.Errorf("P13: %s is not ASCII", raw)
	}
}

// P11: drbd moves to its secondary, for which neither node nor allocator may be
// named.
func TestOpCodesToSecondary(t *testing.T) {
	for _, nodes := range []string{"m a:offline b", "m a:drained b"} {
		_, ops := planned(nodes, "drbd a b", "", "up")
		raw, err := luxi.MarshalOp(ops[0])
		if err != nil || strings.Contains(string(raw), "iallocator") || strings.Contains(string(raw), "target_node") {
			t.Errorf("%s, %v", raw, err)
		}
	}
}
