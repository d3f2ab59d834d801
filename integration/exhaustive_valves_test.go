package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// dice are numbers that look random and are the same in every run.
type dice uint64

func (d *dice) below(n int) int {
	*d = *d*6364136223846793005 + 1442695040888963407
	return int(uint64(*d)>>33) % n
}

func (d *dice) oneOf(words ...string) string { return words[d.below(len(words))] }

// diceCluster makes a cluster of three groups with nodes in all conditions and
// instances of all kinds, some with repairs that have begun.
func diceCluster(d *dice) *repair.Snapshot {
	s := &repair.Snapshot{
		Time:    time.Unix(nowSeconds, 0).UTC(),
		Cluster: repair.Cluster{Name: "cluster", Tags: tagstore.Parse(luxi.TagCluster, []string{tagPrefix + "reinstall"})},
		Groups:  map[string]*repair.Group{},
		Nodes:   map[string]*repair.Node{},
		Jobs:    map[luxi.JobID]*repair.JobFact{},
	}
	s.Cluster.IAllocator = d.oneOf("", "", "hail")
	const perGroup = 4
	for g := 0; g < 3; g++ {
		group := fmt.Sprintf("group%d", g)
		s.Groups[group] = &repair.Group{UUID: group, Name: group}
		for n := 0; n < perGroup; n++ {
			name := fmt.Sprintf("node%d%d", g, n)
			condition := d.oneOf("ok", "ok", "ok", "drained", "offline")
			s.Nodes[name] = &repair.Node{Name: name, Group: group, VMCapable: true, Offline: condition == "offline", Drained: condition == "drained"}
		}
	}
	for k := 0; k < 16; k++ {
		g, n := d.below(3), d.below(perGroup)
		i := &repair.Instance{
			Name: fmt.Sprintf("web%02d", k), UUID: fmt.Sprintf("uuid%02d", k), PlaceKnown: true,
			Template: d.oneOf("drbd", "drbd", "drbd", "rbd", "sharedfile", "plain"), Primary: fmt.Sprintf("node%d%d", g, n),
			AdminState: "up", Live: &repair.Live{Status: "running"},
		}
		if i.Template == "drbd" {
			i.Secondaries = []string{fmt.Sprintf("node%d%d", g, (n+1+d.below(perGroup-1))%perGroup)}
		}
		if d.below(3) == 0 {
			i.AdminState, i.Live = "down", &repair.Live{Status: "ADMIN_down"}
		}
		tag := d.oneOf("", "", "", "", "fix-storage", "suspend", "pending:reinstall:begun:100:", "pending:migrate:begun:100:",
			"pending:reinstall:begun:1699999000:", "pending:fix-storage:begun:1699998000:", "result:failover:x:5:failure:")
		if tag != "" {
			i.Tags = tagstore.Parse(luxi.TagInstance, []string{tagPrefix + tag})
		}
		s.Instances = append(s.Instances, i)
	}
	// Unfinished jobs of ours, for instances that are there, and of others.
	for k := d.below(4); k > 0; k-- {
		i := s.Instances[d.below(len(s.Instances))]
		op := d.oneOf("OP_INSTANCE_FAILOVER", "OP_INSTANCE_FAILOVER", "OP_INSTANCE_REPLACE_DISKS", "OP_NODE_SET_PARAMS")
		job := foreignJob(op, "instance_name", i.Name, "instance_uuid", i.UUID)
		if op == "OP_NODE_SET_PARAMS" {
			job = foreignJob(op, "node_name", i.Primary)
		} else if d.below(2) == 0 {
			step := map[string]string{"OP_INSTANCE_FAILOVER": "failover", "OP_INSTANCE_REPLACE_DISKS": "replace-disks"}[op]
			job.Ops[0].Reason = []luxi.ReasonEntry{{Source: "ganeti-autorepair", Text: "repair x " + step}}
		}
		job.ID = luxi.JobID(9000 + k)
		s.Unfinished = append(s.Unfinished, job)
	}
	return s
}

func decideAll(s *repair.Snapshot, set repair.Settings) []repair.Decision {
	var list []repair.Decision
	for _, i := range s.Instances {
		name := i.Name
		list = append(list, repair.Decide(s, i, set, func() string { return "new-" + name }))
	}
	return list
}

// tooManyBad says whether a group has more bad nodes than the percentage (V2).
func tooManyBad(s *repair.Snapshot, i *repair.Instance, percent int) bool {
	bad, all := 0, 0
	for _, n := range s.Nodes {
		if n.Group == s.Nodes[i.Primary].Group {
			all++
			if n.Offline || n.Drained {
				bad++
			}
		}
	}
	return bad*100 > all*percent
}

// rank restates V4: what is down and can be brought back first, then what is down, then
// what has lost its redundancy, then the rest.
func rank(s *repair.Snapshot, i *repair.Instance) int {
	secondaryLost := false
	for _, name := range i.Secondaries {
		secondaryLost = secondaryLost || s.Nodes[name].Offline
	}
	lost := s.Nodes[i.Primary].Offline
	down := lost && i.AdminState == "up"
	anew := i.Template == "plain" || i.Template == "file" || i.Template == "drbd" && lost && secondaryLost
	switch {
	case down && !anew:
		return 0
	case down:
		return 1
	case i.Template == "drbd" && (lost || secondaryLost):
		return 2
	}
	return 3
}

// nodesOf are the nodes of an instance.
func nodesOf(i *repair.Instance) []string { return append([]string{i.Primary}, i.Secondaries...) }

func shareNode(a, b *repair.Instance) bool {
	for _, x := range nodesOf(a) {
		for _, y := range nodesOf(b) {
			if x == y {
				return true
			}
		}
	}
	return false
}

// named is the instance that an unfinished job of the dice names, nil if it names none.
func named(s *repair.Snapshot, job luxi.JobInfo) *repair.Instance {
	for _, i := range s.Instances {
		if job.Ops[0].Param("instance_uuid") == i.UUID {
			return i
		}
	}
	return nil
}

// hasNode: an unfinished job has a node of the instance (P16).
func hasNode(s *repair.Snapshot, i *repair.Instance) bool {
	for _, job := range s.Unfinished {
		if other := named(s, job); other != nil && shareNode(other, i) {
			return true
		}
		for _, name := range nodesOf(i) {
			if job.Ops[0].Param("node_name") == name {
				return true
			}
		}
	}
	return false
}

// underWay counts the unfinished repair jobs of ours that bring instances back (V1, P20).
func underWay(s *repair.Snapshot) int {
	n := 0
	for _, job := range s.Unfinished {
		if len(job.Ops[0].Reason) > 0 && job.Ops[0].ID == "OP_INSTANCE_FAILOVER" {
			n++
		}
	}
	return n
}

// slow: the step copies disks or memory and brings nothing back (P20).
func slow(d repair.Decision) bool {
	return d.Start.Step == repair.StepReplaceDisks || d.Start.Step == repair.StepMigrate
}

// mustBegin: the step is not to wait between its release and its beginning (P16).
func mustBegin(d repair.Decision) bool {
	return d.Start.Step == repair.StepReinstall || d.Start.Step == repair.StepFailover && d.Instance.AdminState != "up"
}

// delayed: what is released ahead of it keeps the step from beginning at once (P16).
func delayed(s *repair.Snapshot, set repair.Settings, d repair.Decision, ahead []repair.Decision) bool {
	busy := underWay(s)
	for _, a := range ahead {
		switch {
		case a.Reason == repair.ReasonCopiesLater:
		case !slow(a) && placedHere(s, set, a) && !a.Start.New && len(a.Start.Repair.Jobs) == 0:
			// It had no place; the plan counts it once it has one.
		case !slow(a):
			busy++
		}
		// The plan sees whose nodes a copy takes, once it has a place.
	}
	return set.MaxRunning > 0 && busy >= set.MaxRunning || hasNode(s, d.Instance)
}

// placedHere: neither an allocator nor the secondary node settles where the step goes.
func placedHere(s *repair.Snapshot, set repair.Settings, d repair.Decision) bool {
	return d.Start.Step == repair.StepReinstall ||
		s.Cluster.IAllocator == "" && set.IAllocator == "" && d.Start.Target == "" && len(d.Instance.Secondaries) == 0
}

// copiesLater: a replace-disks whose time has not come (V7), or while others are brought
// back from a lost node of the instance, for two intervals at most (P20).
func copiesLater(s *repair.Snapshot, set repair.Settings, before []repair.Decision, d repair.Decision) bool {
	pending := s.Time.Sub(time.Unix(d.Start.Repair.Time, 0))
	switch {
	case d.Start.Step != repair.StepReplaceDisks:
		return false
	case pending < set.ReplaceDisksAfter:
		return true
	case pending > 2*set.Interval:
		return false
	}
	back := func(i *repair.Instance) bool {
		if i == nil || i == d.Instance || i.AdminState != "up" || !s.Nodes[i.Primary].Offline {
			return false
		}
		for _, name := range nodesOf(d.Instance) {
			if name == i.Primary {
				return true
			}
		}
		return false
	}
	for _, other := range before {
		if other.Start != nil && other.Start.Step == repair.StepFailover && back(other.Instance) {
			return true
		}
	}
	for _, job := range s.Unfinished {
		if job.Ops[0].ID == "OP_INSTANCE_FAILOVER" && back(named(s, job)) {
			return true
		}
	}
	return false
}

// reworded takes out what tells why, so that only what is done is compared.
func reworded(d repair.Decision) string {
	d.Reason, d.Detail = "", ""
	return show(d)
}

// checkValves compares what Valves made of decisions with V1 to V4, V7, P16 and P20;
// starts are the indexes of those that begin, in order.
func checkValves(s *repair.Snapshot, set repair.Settings, before, after []repair.Decision, starts []int) string {
	begins := make(map[int]bool)
	var pass []repair.Decision
	for _, k := range starts {
		begins[k] = true
		pass = append(pass, after[k])
	}
	begun, wanted := 0, 0 // new repairs that begin, and that nothing but V3 could keep
	for k, d := range after {
		was, crowded := before[k], tooManyBad(s, d.Instance, set.MaxUnhealthy.Percent)
		if was.Start == nil {
			if show(d) != show(was) || begins[k] {
				return d.Instance.Name + ": a decision that starts nothing is changed"
			}
			continue
		}
		if was.Start.New && !crowded && d.Reason != repair.ReasonNoSlot {
			wanted++
		}
		if begins[k] {
			later := copiesLater(s, set, before, was)
			switch {
			case later != d.Start.Later || later != (d.Reason == repair.ReasonCopiesLater):
				return d.Instance.Name + ": copies at the wrong time (V7, P20)"
			case reworded(d) != reworded(was), !later && show(d) != show(was):
				return d.Instance.Name + ": the step is changed"
			case was.Start.New && crowded:
				return d.Instance.Name + ": begins in a group with too many bad nodes (V2)"
			case was.Start.New:
				begun++
			}
			continue
		}
		// Only what is as urgent, or more, can be released ahead of it.
		var ahead []repair.Decision
		for _, p := range pass {
			if rank(s, p.Instance) <= rank(s, d.Instance) {
				ahead = append(ahead, p)
			}
		}
		state, blocked := repair.StatePending, false
		if was.Start.New {
			state = repair.StateNeedsRepair
		}
		switch d.Reason {
		case repair.ReasonMaxUnhealthy:
			blocked = was.Start.New && crowded
		case repair.ReasonMaxNew:
			blocked = was.Start.New && !crowded
		case repair.ReasonNoSlot:
			blocked = !(was.Start.New && crowded) && mustBegin(was) && delayed(s, set, was, ahead)
		}
		if d.Start != nil || !blocked || d.State != state || len(d.Settled) != len(was.Settled) {
			return d.Instance.Name + ": is blocked wrongly"
		}
		for _, p := range pass {
			if d.Reason == repair.ReasonMaxNew && p.Start.New && rank(s, p.Instance) > rank(s, d.Instance) {
				return d.Instance.Name + ": is blocked while the less urgent " + p.Instance.Name + " begins (V4)"
			}
		}
	}
	for k := range pass {
		if mustBegin(pass[k]) && delayed(s, set, pass[k], pass[:k]) {
			return pass[k].Instance.Name + ": is released though it cannot begin at once (P16)"
		}
		if k > 0 && rank(s, pass[k-1].Instance) > rank(s, pass[k].Instance) {
			return pass[k].Instance.Name + ": comes behind the less urgent " + pass[k-1].Instance.Name + " (V4)"
		}
	}
	most := wanted
	if set.MaxNew > 0 && set.MaxNew < most {
		most = set.MaxNew
	}
	if begun != most {
		return fmt.Sprintf("%d repairs begin, not %d (V3)", begun, most)
	}
	return ""
}

func names(list []repair.Decision, starts []int) string {
	var words []string
	for _, k := range starts {
		words = append(words, list[k].Instance.Name)
	}
	return strings.Join(words, " ")
}

// The valves only ever take steps back, never add or change one; they block exactly
// those they should, and of repairs that have begun only what must not wait in the queue
// or copies too early; and the order of what is left does not depend on the order in
// which the decisions come (V1 to V4, V7, P16, P20).
func TestValvesOnlyBlock(t *testing.T) {
	d := dice(1)
	steps, blocked, failures := 0, 0, 0
	reasons := make(map[repair.Reason]int)
	for round := 0; round < 1500 && failures < mostFailures; round++ {
		s := diceCluster(&d)
		set := repair.DefaultSettings()
		set.MaxNew = d.below(6)
		set.MaxRunning = []int{0, 1, 2, 10}[d.below(4)]
		set.ReplaceDisksAfter = []time.Duration{0, 0, 20 * time.Minute, time.Hour}[d.below(4)]
		set.MaxUnhealthy = repair.Share{Percent: []int{0, 25, 49, 50, 75, 100}[d.below(6)]}
		before := decideAll(s, set)
		after, starts := repair.Valves(s, before, set)
		why := checkValves(s, set, decideAll(s, set), after, starts)
		shuffled := decideAll(s, set)
		for k := range shuffled {
			o := k + d.below(len(shuffled)-k)
			shuffled[k], shuffled[o] = shuffled[o], shuffled[k]
		}
		if again := names(repair.Valves(s, shuffled, set)); why == "" && again != names(after, starts) {
			why = "in another order: " + again
		}
		if why != "" {
			failures++
			t.Errorf("round %d, max_new_per_pass %d, max_unhealthy_nodes %s, max_running %d: %s\n   pass: %s", round, set.MaxNew, set.MaxUnhealthy, set.MaxRunning, why, names(after, starts))
			for k := range after {
				t.Logf("   %s %s on %s %v: %s\n      before: %s", after[k].Instance.Name, after[k].Instance.Template, after[k].Instance.Primary,
					after[k].Instance.Secondaries, show(after[k]), show(before[k]))
			}
		}
		for k := range after {
			if before[k].Start != nil {
				steps++
				reasons[after[k].Reason]++
				if after[k].Start == nil {
					blocked++
				}
			}
		}
	}
	if blocked < 500 || steps-blocked < 500 {
		t.Errorf("%d steps, %d of them blocked: too few to show anything", steps, blocked)
	}
	for _, reason := range []repair.Reason{repair.ReasonMaxNew, repair.ReasonMaxUnhealthy, repair.ReasonNoSlot, repair.ReasonCopiesLater} {
		if reasons[reason] < 100 {
			t.Errorf("%s %d times only", reason, reasons[reason])
		}
	}
}
