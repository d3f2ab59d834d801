package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
	"ganeti-autorepair/tagstore"
)

// hook checks the script that ganeti-watcher runs.
func (c *checkup) hook() {
	path := c.env.paths.hook()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.add(levelCritical, "hook", "%s is missing, ganeti-watcher runs no repairs", path)
	case err != nil:
		c.fail(levelCritical, "hook", err)
	case info.Mode().Perm()&0o111 == 0:
		c.add(levelCritical, "hook", "ganeti-watcher does not run it: chmod +x %s", path)
	default:
		c.add(levelOK, "hook", "is installed and executable")
	}
}

// cluster checks the cluster through luxid. It returns a summary, and numbers for
// Nagios.
func (c *checkup) cluster(ctx context.Context, set settings) (summary, perf string) {
	e := c.env
	pass := e.pass(set, nil)
	defer pass.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, set.engine.PassTimeout)
	defer cancel()
	v, err := pass.Client.QueryConfigValues(ctx)
	if err != nil {
		c.fail(levelCritical, "socket", err)
		return "", ""
	}
	c.add(levelOK, "socket", "luxid answers")
	if !repair.SameNode(e.paths.hostname, v.MasterNode) {
		c.add(levelCritical, "master", "luxid says it is %s, this is %s", v.MasterNode, e.paths.hostname)
		return "", ""
	}
	c.add(levelOK, "master", "is this node")
	if v.WatcherPause.After(e.now()) {
		c.add(levelWarning, "watcher", "is paused until %s: gnt-cluster watcher continue", v.WatcherPause.Local().Format("2006-01-02 15:04"))
	} else {
		c.add(levelOK, "watcher", "is not paused")
	}
	if v.Drained {
		c.add(levelWarning, "queue", "is drained: gnt-cluster queue undrain")
	} else {
		c.add(levelOK, "queue", "accepts jobs")
	}
	c.programs(ctx, pass.Client, set)
	c.state(set, v.Drained || v.WatcherPause.After(e.now()))
	plan, err := pass.Look(ctx, repair.Assumption{})
	if err != nil {
		c.add(levelCritical, "reading", "%s", err)
		return "", ""
	}
	plan = readLastReasons(e.paths.state()).over(plan).WithSilence(e.silentNodes(set))
	c.suspensions(plan)
	c.tags(plan)
	c.instances(plan)
	c.found(plan)
	c.silence(set, plan)
	c.advice(ctx, pass.Client, set)
	return counted(plan)
}

// tags checks whether all tags can be read.
func (c *checkup) tags(plan *repair.Plan) {
	bad := allBadTags(plan)
	for _, g := range groupBadTags(bad) {
		for _, line := range g.lines(3) {
			c.add(levelWarning, "unreadable tag", "%s", line)
		}
	}
	if len(bad) == 0 {
		c.add(levelOK, "tags", "can all be read")
	}
}

// suspensions checks whether the cluster is suspended, or a group without an end: that
// is easily forgotten. Groups that are suspended for a time are told beside.
func (c *checkup) suspensions(plan *repair.Plan) {
	now := plan.Snapshot.Time.Unix()
	tell := func(l level, o tagstore.Object) {
		o.Tags.Malformed = nil // tags tells of these
		p := tagstore.EffectivePolicy(now, o)
		if p.Suspended {
			if p.Until == 0 {
				l = levelWarning
			}
			c.advise(l, o.String(), "ganeti-autorepair resume "+word(o), "%s", suspendedUntil(p.Until))
		}
	}
	tell(levelWarning, tagstore.Object{Kind: luxi.TagCluster, Tags: plan.Snapshot.Cluster.Tags})
	for _, g := range plan.Snapshot.SortedGroups() {
		tell(levelOK, tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
}

// instances checks whether instances wait for a person, by reason. It leaves those with
// an unreadable tag out, which tags has told.
func (c *checkup) instances(plan *repair.Plan) {
	waiting := make(map[repair.Reason][]repair.Decision)
	for _, d := range plan.Decisions {
		if d.Reason.Info().Person {
			waiting[d.Reason] = append(waiting[d.Reason], d)
		}
	}
	for _, info := range repair.ReasonTable() {
		list := waiting[info.Reason]
		if len(list) == 0 || info.Reason == repair.ReasonUnreadableTag {
			continue
		}
		if info.Reason == repair.ReasonNodeStorage {
			c.nodeStorage(plan, list)
			continue
		}
		var names []string
		for _, d := range list {
			names = append(names, d.Instance.Name)
		}
		c.advise(levelWarning, string(info.Reason), report.ViewOf(plan, list[0]).Command, "%s", namesWithCount(names))
	}
	if len(waiting) == 0 {
		c.add(levelOK, "instances", "none waits for a person")
	}
}

// nodeStorage names each node whose storage is gone, with its instances that are not
// repaired for that (D8).
func (c *checkup) nodeStorage(plan *repair.Plan, list []repair.Decision) {
	var nodes []string
	names, first := make(map[string][]string), make(map[string]repair.Decision)
	for _, d := range list {
		node, _ := plan.Snapshot.StorageGone(d.Instance)
		if names[node] == nil {
			nodes, first[node] = append(nodes, node), d
		}
		names[node] = append(names[node], d.Instance.Name)
	}
	sort.Slice(nodes, func(a, b int) bool { return repair.NiceLess(nodes[a], nodes[b]) })
	for _, node := range nodes {
		c.advise(levelWarning, string(repair.ReasonNodeStorage), report.ViewOf(plan, first[node]).Command, "the storage of %s is gone: %s", node, namesWithCount(names[node]))
	}
}

// counted returns how many instances there are in each state, as text and as
// numbers for Nagios.
func counted(plan *repair.Plan) (summary, perf string) {
	states := make(map[repair.State]int)
	for _, d := range plan.Decisions {
		states[d.State]++
	}
	summary = fmt.Sprintf("%d instances", len(plan.Decisions))
	for _, s := range repair.States {
		if states[s] > 0 {
			summary += fmt.Sprintf(", %d %s", states[s], s)
		}
		perf += fmt.Sprintf("%s=%d ", s, states[s])
	}
	return summary, strings.TrimSpace(perf)
}

// namesWithCount names instances and how many they are: "web1", "3 instances: db1,
// web1, web2".
func namesWithCount(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%d instances: %s", len(names), someNames(names))
}

// someNames joins the first names and counts the others.
func someNames(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
