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
		tag := d.oneOf("", "", "", "fix-storage", "suspend", "pending:reinstall:begun:100:", "pending:migrate:begun:100:", "result:failover:x:5:failure:")
		if tag != "" {
			i.Tags = tagstore.Parse(luxi.TagInstance, []string{tagPrefix + tag})
		}
		s.Instances = append(s.Instances, i)
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

// checkValves compares what Valves made of decisions with V2, V3 and V4; starts are
// the indexes of those that begin, in order.
func checkValves(s *repair.Snapshot, set repair.Settings, before, after []repair.Decision, starts []int) string {
	begins := make(map[int]bool)
	var pass []repair.Decision
	for _, k := range starts {
		begins[k] = true
		pass = append(pass, after[k])
	}
	begun, wanted := 0, 0 // new repairs that begin, and that V2 lets begin
	for k, d := range after {
		was, crowded := before[k], tooManyBad(s, d.Instance, set.MaxUnhealthy.Percent)
		if was.Start == nil {
			if show(d) != show(was) || begins[k] {
				return d.Instance.Name + ": a decision that starts nothing is changed"
			}
			continue
		}
		if was.Start.New && !crowded {
			wanted++
		}
		if begins[k] {
			switch {
			case show(d) != show(was):
				return d.Instance.Name + ": the step is changed"
			case was.Start.New && crowded:
				return d.Instance.Name + ": begins in a group with too many bad nodes (V2)"
			case was.Start.New:
				begun++
			}
			continue
		}
		blocked := !crowded && d.Reason == repair.ReasonMaxNew || crowded && d.Reason == repair.ReasonMaxUnhealthy || d.Reason == repair.ReasonNoSlot || d.Reason == repair.ReasonCopiesLater
		if d.Start != nil || !was.Start.New || !blocked || d.State != repair.StateNeedsRepair || len(d.Settled) != len(was.Settled) {
			return d.Instance.Name + ": is blocked wrongly"
		}
		for _, p := range pass {
			if d.Reason == repair.ReasonMaxNew && p.Start.New && rank(s, p.Instance) > rank(s, d.Instance) {
				return d.Instance.Name + ": is blocked while the less urgent " + p.Instance.Name + " begins (V4)"
			}
		}
	}
	for k := 1; k < len(pass); k++ {
		if rank(s, pass[k-1].Instance) > rank(s, pass[k].Instance) {
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

// The valves only ever take steps back, never add or change one; they block new
// repairs only, exactly those they should; and the order of what is left does
// not depend on the order in which the decisions come (V2, V3, V4).
func TestValvesOnlyBlock(t *testing.T) {
	d := dice(1)
	steps, blocked, failures := 0, 0, 0
	for round := 0; round < 1500 && failures < mostFailures; round++ {
		s := diceCluster(&d)
		set := repair.DefaultSettings()
		set.MaxNew = d.below(6)
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
			t.Errorf("round %d, max_new_per_pass %d, max_unhealthy_nodes %s: %s\n   pass: %s", round, set.MaxNew, set.MaxUnhealthy, why, names(after, starts))
			for k := range after {
				t.Logf("   %s %s on %s %v: %s\n      before: %s", after[k].Instance.Name, after[k].Instance.Template, after[k].Instance.Primary,
					after[k].Instance.Secondaries, show(after[k]), show(before[k]))
			}
		}
		for k := range after {
			if before[k].Start != nil {
				steps++
				if after[k].Start == nil {
					blocked++
				}
			}
		}
	}
	if blocked < 500 || steps-blocked < 500 {
		t.Errorf("%d steps, %d of them blocked: too few to show anything", steps, blocked)
	}
}
