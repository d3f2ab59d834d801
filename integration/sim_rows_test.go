//go:build cluster

package integration_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// row is a row of the design's table of repairs. Nodes are "ok", "drained" and
// "offline".
type row struct {
	demand             string
	templates          string
	primary, secondary string
	running, stopped   string // the jobs it takes, as wantSteps has them; "" for none
	adminOffline       string
	typ                tagstore.Type
}

const (
	chainUp   = "RECREATE_DISKS SHUTDOWN REINSTALL STARTUP"
	chainDown = "RECREATE_DISKS SHUTDOWN REINSTALL"
)

var rows = []row{
	{"P1", "drbd", "ok", "drained", "REPLACE_DISKS", "REPLACE_DISKS", "REPLACE_DISKS", tagstore.FixStorage},
	{"P1", "drbd", "ok", "offline", "REPLACE_DISKS", "REPLACE_DISKS", "REPLACE_DISKS", tagstore.FixStorage},
	{"P2", "drbd", "drained", "ok", "MIGRATE, REPLACE_DISKS", "ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", "ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", tagstore.Migrate},
	{"P3", "drbd", "drained", "drained", "REPLACE_DISKS, MIGRATE, REPLACE_DISKS", "REPLACE_DISKS, ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", "REPLACE_DISKS, ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", tagstore.Migrate},
	{"P3", "drbd", "drained", "offline", "REPLACE_DISKS, MIGRATE, REPLACE_DISKS", "REPLACE_DISKS, ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", "REPLACE_DISKS, ACTIVATE_DISKS FAILOVER, REPLACE_DISKS", tagstore.Migrate},
	{"P4", "drbd", "offline", "ok", "FAILOVER, REPLACE_DISKS", "FAILOVER, REPLACE_DISKS", "FAILOVER, REPLACE_DISKS", tagstore.Failover},
	{"P5", "drbd", "offline", "offline", chainUp, chainDown, "", tagstore.Reinstall},
	{"P6", "diskless sharedfile gluster rbd ext blockdev", "drained", "", "MIGRATE", "FAILOVER", "FAILOVER", tagstore.Migrate},
	{"P7", "diskless sharedfile gluster rbd ext blockdev", "offline", "", "FAILOVER", "FAILOVER", "FAILOVER", tagstore.Failover},
	{"P8", "plain file", "offline", "", chainUp, chainDown, "", tagstore.Reinstall},
	{"P9", "plain file", "drained", "", "", "", "", 0},
	{"P9", "drbd", "offline", "drained", "", "", "", 0},
}

// subject is an instance of TestEveryRow.
type subject struct {
	row
	name, template, state string
	hypervisor            string
	steps                 string
	primary, secondary    string
}

// wholeRows takes more than a minute longer.
var wholeRows = flag.Bool("rows", false, "let TestEveryRow try each row in each admin state on both hypervisors, not in turn")

// subjects are instances for all rows, in all admin states, on both hypervisors:
// in turn, or each of these on both.
func subjects() []subject {
	nodes := map[string][]string{
		"ok": {"good1", "good2", "good3", "good4"}, "drained": {"drained1", "drained2"}, "offline": {"dead1", "dead2"},
	}
	turn := make(map[string]int)
	pick := func(kind, other string) string {
		list := nodes[kind]
		for {
			turn[kind]++
			if n := list[turn[kind]%len(list)]; n != other {
				return n
			}
		}
	}
	var all []subject
	for _, r := range rows {
		templates := strings.Fields(r.templates)
		if len(templates) == 1 && *wholeRows {
			templates = append(templates, templates[0])
		}
		for k, template := range templates {
			for _, state := range []struct{ name, steps string }{{"up", r.running}, {"down", r.stopped}, {"offline", r.adminOffline}} {
				s := subject{row: r, template: template, state: state.name, steps: state.steps}
				s.hypervisor = []string{"fake", "kvm"}[len(all)%2]
				if *wholeRows {
					s.hypervisor = []string{"fake", "kvm"}[k%2]
				}
				s.name = fmt.Sprintf("i%d-%s-%s-%s", len(all), template, state.name, s.hypervisor)
				s.primary = pick(r.primary, "")
				if r.secondary != "" {
					s.secondary = pick(r.secondary, s.primary)
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// Every row of the table of repairs, with every template, admin state and
// hypervisor, from the first pass to the last result tag, executed by a real
// master (P1-P9, P10, P11, S1-S12, C4).
func TestEveryRow(t *testing.T) {
	var text strings.Builder
	text.WriteString("cluster cluster tags=ganeti:watcher:autorepair:reinstall\n")
	for _, n := range []string{"good1", "good2", "good3", "good4", "drained1 drained", "drained2 drained", "dead1 offline dead", "dead2 offline dead"} {
		fmt.Fprintf(&text, "node %s mem=65536 disk=1048576\n", n)
	}
	all := subjects()
	for _, s := range all {
		nodes := s.primary
		if s.secondary != "" {
			nodes += "," + s.secondary
		}
		fmt.Fprintf(&text, "instance %s nodes=%s template=%s state=%s hypervisor=%s\n", s.name, nodes, s.template, s.state, s.hypervisor)
	}
	w := newSimWorld(t, strings.Replace(text.String(), "\nnode", "\ngroup default\nnode", 1))
	w.settings(testSettings + "pass_timeout = \"10m\"\n")
	w.settle(12)
	begun, counts, reasons := w.begun(0), w.opcodeCounts(), w.reasons()
	for _, s := range all {
		w.checkRow(s, begun[s.name])
		w.checkCounts(s, len(begun[s.name]), counts[s.name])
		if s.steps == "" {
			// S12: it is told why nothing is done.
			want := "no-repair"
			if s.demand != "P9" {
				want = "admin-offline"
			}
			if got := reasons[s.name]; got != want {
				t.Errorf("%s %s: the reason is %q, want %q", s.demand, s.name, got, want)
			}
		}
		delete(begun, s.name)
	}
	if len(begun) != 0 {
		t.Errorf("repairs of unknown instances: %v", begun)
	}
}

// checkRow compares what became of an instance with what its row says.
func (w *simWorld) checkRow(s subject, jobs []luxi.JobInfo) {
	t := w.t
	t.Helper()
	if got := steps(answered(jobs)); got != s.steps {
		t.Errorf("%s %s: repaired by %q, want %q", s.demand, s.name, got, s.steps)
	}
	primary, secondary := w.place(s.name)
	content, installs := nodesim.Original, 0
	if s.steps == "" {
		if primary != s.primary || secondary != s.secondary {
			t.Errorf("%s %s: moved to %s,%s", s.demand, s.name, primary, secondary)
		}
		if tags := w.tags(s.name); len(tags.Pendings)+len(tags.Results) != 0 {
			t.Errorf("%s %s: has records: %+v", s.demand, s.name, tags)
		}
	} else {
		w.wantRepaired(s.name, s.typ, tagstore.Success, jobs)
		w.checkPlace(s, jobs, primary, secondary)
		if strings.HasPrefix(s.steps, "RECREATE") {
			content, installs = "installed", 1
		}
		if s.state == "up" {
			if on := w.sim.RunsOn(s.name); len(on) != 1 || on[0] != primary {
				t.Errorf("%s %s: runs on %v, want %s", s.demand, s.name, on, primary)
			}
		} else if on := w.sim.RunsOn(s.name); len(on) != 0 {
			t.Errorf("%s %s: runs on %v, want nowhere", s.demand, s.name, on)
		}
	}
	if n := w.sim.Count("instance_os_add", s.name); n != installs {
		t.Errorf("%s %s: installed %d times, want %d", s.demand, s.name, n, installs)
	}
	if s.template != "diskless" {
		w.wantContent(s.name, content)
	}
	w.wantPins(s, answered(jobs))
}

// checkPlace compares where a repaired instance is with what its row determines; the
// rest is for the allocator to choose among the good nodes.
func (w *simWorld) checkPlace(s subject, jobs []luxi.JobInfo, primary, secondary string) {
	w.t.Helper()
	good := func(node string) bool { return strings.HasPrefix(node, "good") }
	right := good(primary) && (s.secondary == "") == (secondary == "")
	if s.secondary != "" {
		right = right && good(secondary) && secondary != primary && secondary != s.secondary
	}
	switch s.demand {
	case "P1":
		right = right && primary == s.primary
	case "P2", "P4": // it moves to the half that it has, and gets a new one
		right = right && primary == s.secondary
	case "P5", "P8": // to the nodes that were chosen here
		var nodes []string
		if len(jobs) > 0 {
			w.must(json.Unmarshal(jobs[0].Ops[0].Params["nodes"], &nodes))
		}
		right = right && strings.Join(nodes, ",") == strings.TrimSuffix(primary+","+secondary, ",")
	}
	if !right {
		w.t.Errorf("%s %s: is on %s,%s, was on %s,%s", s.demand, s.name, primary, secondary, s.primary, s.secondary)
	}
}

// checkCounts checks that nothing destroys data but the chains of P5 and P8, and
// that tags take three opcodes for a job, two for each further one (C4), and two more if
// the repair was pending before it had a job, as copies and reinstallations wait for others
// (S4, P16, P20).
func (w *simWorld) checkCounts(s subject, jobs int, got opcodeCount) {
	w.t.Helper()
	want := opcodeCount{}
	if jobs > 0 {
		want.tags = 1 + 2*jobs
	}
	if strings.HasPrefix(s.steps, "RECREATE") {
		want.destroying = 2
	}
	if strings.Contains(s.steps, "REPLACE_DISKS") || want.destroying > 0 {
		want.tags += 2
	}
	if got.destroying != want.destroying || got.tags > want.tags {
		w.t.Errorf("%s %s: %d opcodes that destroy data and %d for tags, want %d and at most %d", s.demand, s.name, got.destroying, got.tags, want.destroying, want.tags)
	}
}

// reasons are the words that status has for what it thinks of each instance.
func (w *simWorld) reasons() map[string]string {
	w.t.Helper()
	words := make(map[string]string)
	for _, i := range w.status().Instances {
		words[i.Instance] = i.Reason
	}
	return words
}

// wantPins checks what each opcode of a repair must and must not say (P11).
func (w *simWorld) wantPins(s subject, jobs []luxi.JobInfo) {
	w.t.Helper()
	var uuid string
	w.must(w.InstanceField(w.ctx, s.name, "uuid", &uuid))
	for _, job := range jobs {
		for _, op := range job.Ops {
			if got := op.Param("instance_uuid"); got != uuid {
				w.t.Errorf("%s: %s carries uuid %q", s.name, op.ID, got)
			}
			for _, never := range []string{"allow_failover", "ignore_consistency"} {
				if v := string(op.Params[never]); v == "true" {
					w.t.Errorf("%s: %s has %s", s.name, op.ID, never)
				}
			}
		}
		if job.Status != luxi.JobSuccess {
			w.t.Errorf("%s: job %d (%v) ended as %s", s.name, job.ID, job.Summary, job.Status)
		}
	}
}

// An instance whose disks are of several kinds is never touched (P9). Such a one
// also makes the allocator hail refuse every request of its cluster, which holds
// other repairs until it is gone (S8).
func TestMixedDisks(t *testing.T) {
	w := newSimWorld(t, `
cluster cluster tags=ganeti:watcher:autorepair:reinstall
group default
node a
node b
node c drained
node d offline dead
instance mixed1 nodes=c template=mixed
instance mixed2 nodes=d template=mixed
instance web nodes=d template=rbd
`)
	for n := 0; n < 2; n++ {
		w.pass()
		w.jobsEnd()
	}
	w.untouched("mixed1", "c")
	w.untouched("mixed2", "d")
	w.wantReason("mixed1", "needs-repair", "no-repair")
	if p := w.pending("web"); len(p.Jobs) != 1 {
		t.Errorf("web: %s", p.Tag)
	}
	for _, name := range []string{"mixed1", "mixed2"} {
		if _, err := w.RunJobs(w.ctx, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": name, "ignore_failures": true}}); err != nil {
			t.Fatal(err)
		}
	}
	w.settle(3)
	w.wantResult("web", tagstore.Failover, tagstore.Success, 1) // not the refused one (S7)
}
