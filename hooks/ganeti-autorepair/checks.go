package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"ganeti-autorepair/hooks/internal/outside"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// hook checks the script that ganeti-watcher runs.
func (c *checkup) hook() {
	path := c.env.paths.hook()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.add(levelCritical, "hook", "%s is missing, ganeti-watcher runs no repairs", path)
	case err != nil:
		c.add(levelCritical, "hook", "%s", err)
	case info.Mode().Perm()&0o111 == 0:
		c.add(levelCritical, "hook", "ganeti-watcher does not run it: chmod +x %s", path)
	default:
		c.add(levelOK, "hook", "is installed and executable")
	}
}

// programs checks the programs of the administrator: the fence command and the
// event programs.
func (c *checkup) programs(set settings) {
	if path := set.engine.Fence; strings.HasPrefix(path, "/") {
		if err := outside.CheckFile(path); err != nil {
			c.add(levelCritical, "fence", "%s; no repair of an instance of an offline node begins", err)
		} else {
			c.add(levelOK, "fence", "can be run")
		}
	}
	if set.eventDir == "" {
		return
	}
	_, skipped, err := eventPrograms(c.env.paths.in(set.eventDir))
	switch {
	case err != nil:
		c.add(levelWarning, "events", "%s; no event program is run", err)
	case len(skipped) > 0:
		c.add(levelWarning, "events", "not run: %s", strings.Join(skipped, ", "))
	default:
		c.add(levelOK, "events", "programs can be run")
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
		c.add(levelCritical, "socket", "%s", err)
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
	c.programs(set)
	c.state(set)
	plan, err := pass.Look(ctx, repair.Assumption{})
	if err != nil {
		c.add(levelCritical, "reading", "%s", err)
		return "", ""
	}
	plan = readLastReasons(e.paths.state()).over(plan)
	c.tags(plan)
	c.instances(plan)
	c.found(plan)
	return counted(plan)
}

// state checks the lock, the stamp of the last pass, and whether passes can keep
// what they write.
func (c *checkup) state(set settings) {
	dir := c.env.paths.state()
	if info, err := os.Lstat(string(dir)); err == nil && (!info.IsDir() || info.Mode().Perm()&0o077 != 0) {
		c.add(levelWarning, "lock", "others than root can enter %s; the next pass ends that", dir)
	}
	holder := lockHolder(dir)
	word := "is free"
	if holder != "" {
		word = "is taken by a running pass, process " + holder
	}
	c.add(levelOK, "lock", "%s", word)
	unwritable := c.env.unwritable(set)
	for _, n := range unwritable {
		c.add(levelWarning, n.What, "cannot be written, passes go on without it: %s", n)
	}
	if len(unwritable) == 0 {
		c.add(levelOK, "files", "can be written")
	}
	c.lastPass(set, holder)
}

// lastPass checks when the last pass was.
func (c *checkup) lastPass(set settings, holder string) {
	s, found, err := c.env.paths.state().readStamp()
	now := c.env.now()
	// The watcher comes every five minutes, and may be held up once.
	late := set.interval + set.engine.PassTimeout + 15*time.Minute
	switch {
	case err != nil && otherUser(err):
		c.add(levelUnknown, "last pass", "only root can see when it was")
	case err != nil:
		c.add(levelWarning, "last pass", "%s", err)
	case !found && holder != "":
		c.add(levelOK, "last pass", "the first one runs")
	case !found:
		c.add(levelWarning, "last pass", "there was none yet, or it failed; see the log")
	case now.Before(s.Time.Add(-time.Minute)):
		c.add(levelWarning, "last pass", "was at %s, which lies ahead; look at the clock", s.Time.Format("2006-01-02 15:04:05"))
	case now.Sub(s.Time) > late && stampCannotBeWritten(c.env.paths.state()):
		c.add(levelWarning, "last pass", "its time cannot be written; the last that could be was %s ago", report.Age(s.Time.Unix(), now))
	case now.Sub(s.Time) > late:
		c.add(levelCritical, "last pass", "was %s ago; does cron run ganeti-watcher?", report.Age(s.Time.Unix(), now))
	default:
		c.add(levelOK, "last pass", "was %s ago", report.Age(s.Time.Unix(), now))
	}
}

// stampCannotBeWritten reports whether passes cannot say when they were.
func stampCannotBeWritten(dir stateDir) bool {
	f, err := os.OpenFile(dir.file(stampFile), os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err == nil {
		f.Close()
	}
	return err != nil
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

// instances checks whether instances wait for a person. It leaves those out whose
// repair no tag permits, as that is a decision, and those with an unreadable tag,
// which tags has told.
func (c *checkup) instances(plan *repair.Plan) {
	waiting := make(map[repair.Reason][]string)
	for _, d := range plan.Decisions {
		switch d.Reason {
		case repair.ReasonNoPermission, repair.ReasonTooWeak, repair.ReasonUnreadableTag:
			continue
		}
		if d.Reason.Info().Person {
			waiting[d.Reason] = append(waiting[d.Reason], d.Instance.Name)
		}
	}
	for _, info := range repair.ReasonTable() {
		if names := waiting[info.Reason]; len(names) > 0 {
			c.add(levelWarning, string(info.Reason), "%s", someNames(names))
		}
	}
	if len(waiting) == 0 {
		c.add(levelOK, "instances", "none waits for a person")
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

// someNames joins the first names and counts the others.
func someNames(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
