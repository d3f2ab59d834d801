package main

import (
	"encoding/json"
	"os"
	"strings"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// lastReasons are the reasons for the states of all instances that are not plainly
// healthy, as the last pass left them, and the other things that it told once. They
// are not state: they make log and events tell of changes alone.
type lastReasons struct {
	Instances    map[string]lastReason `json:"instances"`       // by UUID
	BadTags      []string              `json:"unreadable_tags"` // object and tag
	NoNewRepairs []string              `json:"no_new_repairs"`  // why, by node group
	EmptyNodes   []string              `json:"empty_nodes"`     // by UUID
	// NoStorage are the nodes whose storage is gone, by UUID (D8).
	NoStorage []string `json:"nodes_without_storage,omitempty"`
}

// lastReason is the reason of one instance.
type lastReason struct {
	Name   string        `json:"name"`
	Reason repair.Reason `json:"reason"`
	Detail string        `json:"detail,omitempty"` // of what only a pass finds out
}

// reasonsFile is the name of the file with the last reasons.
const reasonsFile = "reasons"

// readLastReasons reads the reasons that the last pass wrote. If there are none, or
// they cannot be read, it returns none.
func readLastReasons(state stateDir) lastReasons {
	var l lastReasons
	data, err := os.ReadFile(state.file(reasonsFile))
	if err != nil || json.Unmarshal(data, &l) != nil {
		return lastReasons{}
	}
	return l
}

func (l lastReasons) write(state stateDir) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return replaceFile(state.file(reasonsFile), data, 0o600)
}

func lastReasonOf(v report.View) lastReason {
	last := lastReason{Name: v.Instance, Reason: v.Reason}
	if v.Reason.Info().Found || v.Reason == repair.ReasonNoRoom {
		last.Detail = v.Detail
	}
	return last
}

// over returns the plan with the reasons that only a pass can find out, such as a
// failed fence or a lock, in place of "ready" and "retry": nobody is told that a step is
// ready which was blocked a moment ago (O). Where the configuration now gives
// another reason, that one stays. What is told of room is what the last test said.
func (l lastReasons) over(plan *repair.Plan) *repair.Plan {
	after := *plan
	after.Decisions = append([]repair.Decision(nil), plan.Decisions...)
	for k, d := range after.Decisions {
		last, known := l.Instances[d.Instance.UUID]
		if !known || d.Start == nil {
			continue
		}
		found := last.Reason.Info().Found && (d.Reason == repair.ReasonReady || d.Reason == repair.ReasonRetry)
		if found || last.Detail != "" && last.Reason == repair.ReasonNoRoom && d.Reason == repair.ReasonNoRoom {
			after.Decisions[k].Reason, after.Decisions[k].Detail = last.Reason, last.Detail
		}
	}
	return &after
}

// changes are the differences between two passes.
type changes struct {
	reasons      []reasonChange
	noNewRepairs []string
	badTags      []report.BadTag
	emptyNodes   []*repair.Node
	noStorage    []*repair.Node
}

// reasonChange is an instance whose reason has changed.
type reasonChange struct {
	v    report.View
	was  repair.Reason
	told bool // the pass has logged what it did to the instance
}

// compare returns the reasons of a plan, and how they differ from the last ones.
func (l lastReasons) compare(plan *repair.Plan) (now lastReasons, c changes) {
	now.Instances = make(map[string]lastReason)
	bad := report.BadTags(plan)
	groups := make(map[string]bool)
	for _, d := range plan.Decisions {
		last, known := l.Instances[d.Instance.UUID]
		if d.Plain() && !known {
			continue
		}
		v := report.ViewOf(plan, d)
		bad = append(bad, v.Bad...)
		if blocksMany(v) {
			groups[v.Detail] = true
		}
		was := repair.ReasonHealthy
		if known {
			was = last.Reason
		}
		if v.Reason != repair.ReasonHealthy {
			now.Instances[v.UUID] = lastReasonOf(v)
		}
		if was != v.Reason {
			c.reasons = append(c.reasons, reasonChange{v, was, d.Changes()})
		}
	}
	for why := range groups {
		now.NoNewRepairs = append(now.NoNewRepairs, why)
	}
	repair.NiceSort(now.NoNewRepairs)
	known := setOf(l.NoNewRepairs)
	for _, why := range now.NoNewRepairs {
		if !known[why] {
			c.noNewRepairs = append(c.noNewRepairs, why)
		}
	}
	known = setOf(l.BadTags)
	for _, b := range bad {
		key := b.Object + " " + b.Tag
		now.BadTags = append(now.BadTags, key)
		if !known[key] {
			c.badTags = append(c.badTags, b)
		}
	}
	known = setOf(l.EmptyNodes)
	for _, n := range repair.NodeStatusesOf(plan) {
		// A job that may have an empty node for a while makes it no other one.
		if n.State != repair.NodeEmpty && !(n.Unused && known[n.Node.UUID]) {
			continue
		}
		now.EmptyNodes = append(now.EmptyNodes, n.Node.UUID)
		if !known[n.Node.UUID] {
			c.emptyNodes = append(c.emptyNodes, n.Node)
		}
	}
	known = setOf(l.NoStorage)
	for _, n := range plan.Snapshot.NodesWithoutStorage() {
		now.NoStorage = append(now.NoStorage, n.UUID)
		if !known[n.UUID] {
			c.noStorage = append(c.noStorage, n)
		}
	}
	return now, c
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}

// linesEach is the number of objects up to which each has a line of its own. More
// objects of which the same is said share a line (W8).
const linesEach = 20

// among joins the names of the first objects.
func among(names []string) string {
	if len(names) > 5 {
		names = names[:5]
	}
	return strings.Join(names, " ")
}

// logChanges logs the changes. The pass itself has logged its actions.
func (r *runner) logChanges(plan *repair.Plan, c changes) {
	if n := len(c.noNewRepairs); n > linesEach {
		r.log.Warn("no new repairs", "node_groups", n, "why", strings.Join(c.noNewRepairs[:3], "; ")+"; and more")
	} else {
		for _, why := range c.noNewRepairs {
			r.log.Warn("no new repairs", "why", why)
		}
	}
	for _, n := range c.noStorage {
		r.log.Warn("storage of a node is gone", "node", n.Name, "why", plan.Snapshot.StorageWords(n.Name), "command", repair.DrainCommand(n.Name, plan.Snapshot.Cluster.Master))
	}
	r.logReasons(c.reasons)
	r.logBadTags(c.badTags)
	r.logEmptyNodes(c.emptyNodes)
}

// logEmptyNodes logs the nodes that are empty now: a line for each, or one for many.
func (r *runner) logEmptyNodes(nodes []*repair.Node) {
	if len(nodes) > linesEach {
		var names []string
		for _, n := range nodes {
			names = append(names, n.Name)
		}
		r.log.Info("node is empty", "nodes", len(nodes), "among_them", among(names))
		return
	}
	for _, n := range nodes {
		r.log.Info("node is empty", "node", n.Name)
	}
}

// logReasons logs the reasons that have changed: a line for each instance, or one
// line for many that changed in the same way.
func (r *runner) logReasons(list []reasonChange) {
	kinds := make(map[[2]repair.Reason][]report.View)
	var order [][2]repair.Reason
	for _, c := range list {
		if c.told || c.v.Reason == repair.ReasonNodeStorage { // told of the node
			continue
		}
		kind := [2]repair.Reason{c.was, c.v.Reason}
		if kinds[kind] == nil {
			order = append(order, kind)
		}
		kinds[kind] = append(kinds[kind], c.v)
	}
	for _, kind := range order {
		views := kinds[kind]
		if len(views) > linesEach {
			var names []string
			for _, v := range views {
				names = append(names, v.Instance)
			}
			r.log.Info("reason changed", "instances", len(views), "was", string(kind[0]), "reason", string(kind[1]), "among_them", among(names))
			continue
		}
		for _, v := range views {
			args := []any{"instance", v.Instance, "was", string(kind[0]), "reason", string(kind[1])}
			if v.Repair != nil {
				args = append(args, "repair", v.Repair.ID)
			}
			if v.Detail != "" {
				args = append(args, "why", v.Detail)
			}
			r.log.Info("reason changed", args...)
		}
	}
}
