package repair_test

import (
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
)

// placerOf makes a placer of what nodes have free, "a:4096/20000" MiB of memory and disk,
// and of instances that all take the given memory and disk.
func placerOf(s *repair.Snapshot, rooms string, memory, disk int64) *repair.Placer {
	p := repair.NewPlacer()
	for _, word := range strings.Fields(rooms) {
		var mem, free int64
		name, size, _ := strings.Cut(word, ":")
		if _, err := fmt.Sscanf(size, "%d/%d", &mem, &free); err != nil {
			panic(word)
		}
		group := s.Nodes[name].Group
		p.Rooms[group] = append(p.Rooms[group], repair.Room{Node: name, Group: group, Memory: mem, Disk: map[repair.Storage]int64{{Kind: luxi.StorageLVM}: free}})
	}
	for _, i := range s.Instances {
		p.Demands[i.UUID] = repair.Demand{Memory: memory, Disk: disk}
	}
	return p
}

func settings() repair.Settings {
	set := repair.DefaultSettings()
	set.MaxUnhealthy = repair.Share{Percent: 100}
	return set
}

// told renders what a rehearsal says of each instance: "web: restarted (down, one copy, stays): reason".
func told(h repair.Rehearsal) string {
	var list []string
	for _, f := range h.Each {
		text := f.String()
		for _, flag := range []struct {
			set  bool
			word string
		}{{f.Down, "down"}, {f.OneCopy, "one copy"}, {f.Stays, "stays"}} {
			if flag.set {
				text += ", " + flag.word
			}
		}
		if f.Reason != repair.ReasonHealthy {
			text += " (" + string(f.Reason) + ")"
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

// N3: a table of what becomes of one instance, by its template and place, when node x dies
// or is drained.
func TestRehearse(t *testing.T) {
	const nodes, rooms = "m a x b c", "m:4096/9000 a:4096/9000 x:4096/9000 b:4096/9000 c:4096/9000"
	tests := []struct {
		name, policy string
		instance     *repair.Instance
		dies, drain  string
	}{
		{"drbd, primary", "failover", repairtest.Instance("i", "drbd", "x a", ""), "i: restarted", "i: moved"},
		{"drbd, secondary", "fix-storage", repairtest.Instance("i", "drbd", "a x", ""), "i: copied", "i: copied"},
		{"drbd, primary, too weak", "fix-storage", repairtest.Instance("i", "drbd", "x a", ""),
			"i: not-permitted, down, one copy, stays (too-weak)", "i: not-permitted, stays (too-weak)"},
		{"drbd, secondary, not permitted", "", repairtest.Instance("i", "drbd", "a x", ""),
			"i: not-permitted, one copy, stays (no-permission)", "i: not-permitted, one copy, stays (no-permission)"},
		{"plain", "reinstall", repairtest.Instance("i", "plain", "x", ""), "i: reinstalled", "i: no-repair, stays (no-repair)"},
		{"plain, too weak", "failover", repairtest.Instance("i", "plain", "x", ""), "i: not-permitted, down, stays (too-weak)", "i: no-repair, stays (no-repair)"},
		{"rbd", "failover", repairtest.Instance("i", "rbd", "x", ""), "i: restarted", "i: moved"},
		{"rbd, migrate only", "migrate", repairtest.Instance("i", "rbd", "x", ""), "i: not-permitted, down, stays (too-weak)", "i: moved"},
		{"suspended", "failover", repairtest.Instance("i", "rbd", "x", "suspend"), "i: blocked, down, stays (suspended)", "i: blocked, stays (suspended)"},
		{"failed before", "failover", repairtest.Instance("i", "rbd", "x", "result:failover:z:9:failure:"), "i: blocked, down, stays (failed)", "i: blocked, stays (failed)"},
		{"unreadable", "failover", repairtest.Instance("i", "rbd", "x", "pending:failover:"), "i: blocked, down, stays (unreadable-tag)", "i: blocked, stays (unreadable-tag)"},
		{"asked for, nothing permitted", "", repairtest.Instance("i", "rbd", "x", "pending:failover:r-abcdefgh:9:"), "i: restarted", "i: moved"},
		{"mixed", "reinstall", repairtest.Instance("i", "mixed", "x", ""), "i: no-repair, down, stays (no-repair)", "i: no-repair, stays (no-repair)"},
	}
	for _, tt := range tests {
		for _, drained := range []bool{false, true} {
			s := repairtest.Allow(repairtest.Snapshot(nodes, tt.instance), tt.policy)
			want := tt.dies
			if drained {
				want = tt.drain
			}
			h := repair.NewRehearser(s, placerOf(s, rooms, 128, 1000), settings(), drained).Node("x")
			if got := told(h); got != want {
				t.Errorf("%s, drained %v: %q, want %q", tt.name, drained, got, want)
			}
			if tt.instance.Primary == "" || s.Nodes["x"].Condition() != repair.NodeOK || len(s.Jobs) > 0 {
				t.Errorf("%s: the snapshot was changed", tt.name)
			}
		}
	}
}

// N3: stopped instances are moved, and are never down.
func TestRehearseStopped(t *testing.T) {
	for template, place := range map[string]string{"rbd": "x", "drbd": "x a"} {
		i := repairtest.Instance("i", template, place, "")
		i.AdminState, i.Live = "down", nil
		s := repairtest.Allow(repairtest.Snapshot("m a x b", i), "failover")
		// No memory is needed for what stays stopped.
		if got := told(repair.NewRehearser(s, placerOf(s, "m:0/9000 a:0/9000 b:0/9000", 128, 1000), settings(), false).Node("x")); got != "i: moved" {
			t.Errorf("%s: %s", template, got)
		}
	}
}

// N3: room is counted over all instances of the node together, per node and memory. drbd
// goes to its secondary, in the order in which repairs begin.
func TestRehearseRoomOfTheSecondary(t *testing.T) {
	s := repairtest.Allow(repairtest.Snapshot("m a x b",
		repairtest.Instance("i1", "drbd", "x a", ""), repairtest.Instance("i2", "drbd", "x a", ""), repairtest.Instance("i3", "drbd", "x b", "")), "failover")
	h := repair.NewRehearser(s, placerOf(s, "m:999/9000 a:200/9000 b:128/9000", 128, 1000), settings(), false).Node("x")
	want := "i1: restarted; i2: no-room, down, one copy, stays (no-room); i3: restarted"
	if got := told(h); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if h.Down != (repair.Span{AtLeast: 1, AtMost: 1}) || !h.Harm() {
		t.Errorf("%+v", h)
	}
	if d := h.Each[1].Detail; d != "node a has 72 MiB of memory free, it takes 128" {
		t.Errorf("i2: %s", d)
	}
}

// N3: where an allocator chooses, the number is known although nobody knows which find
// room: a has room for two and b for one.
func TestRehearseAllocator(t *testing.T) {
	var list []*repair.Instance
	for k := 1; k <= 5; k++ {
		list = append(list, repairtest.Instance(fmt.Sprint("i", k), "rbd", "x", ""))
	}
	s := repairtest.Allow(repairtest.Snapshot("m@other a x b", list...), "failover")
	p := placerOf(s, "m:9999/0 a:300/0 b:200/0", 128, 0)
	h := repair.NewRehearser(s, p, settings(), false).Node("x")
	if got := h.Outcomes[repair.RehearsedRestarted]; got != (repair.Span{AtLeast: 3, AtMost: 3}) {
		t.Errorf("restarted: %+v", got)
	}
	if got := h.Outcomes[repair.RehearsedNoRoom]; got != (repair.Span{AtLeast: 2, AtMost: 2}) || h.Down != got {
		t.Errorf("no room: %+v, down: %+v", got, h.Down)
	}
	for _, f := range h.Each {
		if f.Outcome != repair.RehearsedNoRoom || f.AtBest != repair.RehearsedRestarted {
			t.Errorf("%s", f)
		}
	}
	// With room for all it does not matter.
	p = placerOf(s, "a:900/0 b:900/0", 128, 0)
	if h = repair.NewRehearser(s, p, settings(), false).Node("x"); h.Outcomes[repair.RehearsedRestarted] != (repair.Span{AtLeast: 5, AtMost: 5}) || !h.Each[0].Certain() || h.Harm() {
		t.Errorf("%s", told(h))
	}
	// A large one may lose its place to small ones, or they theirs to it.
	d := p.Demands["i1-uuid"]
	d.Memory = 600
	p.Demands["i1-uuid"] = d
	p.Rooms["rack1-uuid"][0].Memory, p.Rooms["rack1-uuid"][1].Memory = 700, 500
	h = repair.NewRehearser(s, p, settings(), false).Node("x")
	if got := h.Outcomes[repair.RehearsedRestarted]; got.AtLeast == got.AtMost || got.AtMost != 5 {
		t.Errorf("restarted: %+v\n%s", got, told(h))
	}
}

// N3: a restarted drbd instance may find no room for a second copy.
func TestRehearseOneCopy(t *testing.T) {
	s := repairtest.Allow(repairtest.Snapshot("m@other a x b", repairtest.Instance("i", "drbd", "x a", "")), "failover")
	h := repair.NewRehearser(s, placerOf(s, "a:999/9000 b:999/900", 128, 1000), settings(), false).Node("x")
	if got := told(h); got != "i: restarted, one copy, stays (no-room)" || h.OneCopy.AtLeast != 1 || h.Harm() {
		t.Errorf("%s %+v", got, h)
	}
}

// N3, V2: the valve blocks what a person has to let through; what only delays does not
// count.
func TestRehearseValves(t *testing.T) {
	s := repairtest.Allow(repairtest.Snapshot("m@other a x b:offline",
		repairtest.Instance("i1", "drbd", "x a", ""), repairtest.Instance("i2", "drbd", "b a", "suspend"), repairtest.Instance("i3", "drbd", "x a", "")), "failover")
	p := placerOf(s, "a:999/9000", 128, 1000)
	set := repair.DefaultSettings()
	if got := told(repair.NewRehearser(s, p, set, false).Node("x")); got != "i1: blocked, down, one copy, stays (max-unhealthy); i3: blocked, down, one copy, stays (max-unhealthy)" {
		t.Error(got)
	}
	set = settings()
	set.MaxNew, set.MaxRunning, set.MaxCopying = 1, 1, 1
	set.ReplaceDisksAfter = 1000 * 3600e9
	if got := told(repair.NewRehearser(s, p, set, false).Node("x")); got != "i1: restarted, one copy, stays (no-target); i3: restarted, one copy, stays (no-target)" {
		t.Error(got)
	}
}

// N3: a node that dies while another one is being repaired: what has its copies on both
// is lost, and the others compete for room.
func TestRehearseSecondLoss(t *testing.T) {
	s := repairtest.Allow(repairtest.Snapshot("m@other a x b:offline c",
		repairtest.Instance("i1", "drbd", "x b", ""), repairtest.Instance("i2", "rbd", "b", ""), repairtest.Instance("i3", "rbd", "x", "")), "reinstall")
	h := repair.NewRehearser(s, placerOf(s, "a:130/9000 c:140/9000", 128, 1000), settings(), false).Node("x")
	if got := h.Each[0].Outcome; got != repair.RehearsedReinstalled && got != repair.RehearsedNoRoom {
		t.Errorf("%s", told(h))
	}
	if h.Each[1].Outcome != repair.RehearsedRestarted || !h.Each[1].Certain() {
		t.Errorf("there is a place for i2 and one for i3: %s", told(h))
	}
	h = repair.NewRehearser(s, placerOf(s, "a:130/9000 c:100/9000", 128, 1000), settings(), false).Node("x")
	if h.Each[1].AtBest != repair.RehearsedNoRoom {
		t.Errorf("i2 was first: %s", told(h))
	}
}

// N3: unfinished jobs have not begun, but what they take is gone.
func TestRehearseUnfinishedJobs(t *testing.T) {
	s := repairtest.Allow(repairtest.Snapshot("m@other a x",
		repairtest.Instance("i", "rbd", "x", "pending:failover:r-abcdefgh:9:7"), repairtest.Instance("j", "drbd", "m a", "")), "failover")
	repairtest.WithJobs(s, repairtest.Job(7, repair.StepFailover, "i", luxi.JobRunning), repairtest.Job(8, repair.StepFailover, "j", luxi.JobRunning))
	p := placerOf(s, "a:300/9000 m:999/9000", 200, 1000)
	p.Unfinished(s)
	if got := told(repair.NewRehearser(s, p, settings(), false).Node("x")); !strings.HasPrefix(got, "i: no-room, down, stays") {
		t.Error(got)
	}
	s.Unfinished = s.Unfinished[:1]
	p = placerOf(s, "a:300/9000 m:999/9000", 200, 1000)
	p.Unfinished(s)
	if got := told(repair.NewRehearser(s, p, settings(), false).Node("x")); got != "i: restarted" {
		t.Error(got)
	}
}

// N3: 200 nodes with 10,000 instances. At most 5 s, and 100 MB.
func BenchmarkRehearse(b *testing.B) {
	s, p := bigCluster(200, 10000)
	b.ReportAllocs()
	for n := 0; n < b.N; n++ {
		r := repair.NewRehearser(s, p, repair.DefaultSettings(), false)
		for _, node := range s.SortedNodes() {
			if h := r.Node(node.Name); h.Instances() == 0 {
				b.Fatalf("%s has no instances", node.Name)
			}
		}
	}
}

// bigCluster makes a tight cluster of 10 groups with instances of four templates.
func bigCluster(nodes, instances int) (*repair.Snapshot, *repair.Placer) {
	var text, rooms []string
	for n := 0; n < nodes; n++ {
		text = append(text, fmt.Sprintf("n%d@g%d", n, n%10))
		rooms = append(rooms, fmt.Sprintf("n%d:%d/%d", n, 3000+n*7%4000, 90000+n*13%50000))
	}
	var list []*repair.Instance
	for k := 0; k < instances; k++ {
		at := k % nodes
		second := (at + 10*(1+k/nodes%15)) % nodes // of the same group
		switch k / nodes % 5 {
		case 0, 1, 2:
			list = append(list, repairtest.Instance(fmt.Sprint("i", k), "drbd", fmt.Sprintf("n%d n%d", at, second), ""))
		case 3:
			list = append(list, repairtest.Instance(fmt.Sprint("i", k), "rbd", fmt.Sprintf("n%d", at), ""))
		default:
			list = append(list, repairtest.Instance(fmt.Sprint("i", k), "plain", fmt.Sprintf("n%d", at), ""))
		}
	}
	s := repairtest.Allow(repairtest.Snapshot(strings.Join(text, " "), list...), "reinstall")
	p := placerOf(s, strings.Join(rooms, " "), 1024, 10000)
	for k, i := range s.Instances {
		d := p.Demands[i.UUID]
		d.Memory = int64(256 << (k % 4))
		p.Demands[i.UUID] = d
	}
	return s, p
}
