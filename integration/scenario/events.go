package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/report"
)

// Run plays the scenario to its end and returns the world as it is then, and what
// is wrong with the events, if anything. The world is to be closed.
func (s *Scenario) Run(prepare func(*World)) (*World, error) {
	w, err := NewWorld(s.Cluster)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if prepare != nil {
		prepare(w)
	}
	for _, e := range s.Events {
		w.say("> %s", e.Text)
		if err := w.Do(e.Words); err != nil {
			return w, fmt.Errorf("line %d: %s: %w", e.Line, e.Text, err)
		}
	}
	w.sayEnd()
	return w, nil
}

// Do lets one event happen:
//
//	pass                                a pass, as the watcher does it
//	repair                              passes until there is nothing left to do, jobs ending in between
//	plenty, settle                      nothing stands in the way; passes until the master shows nothing that is owed
//	quiet                               all jobs end, and five minutes pass
//	wait 10m                            time passes
//	dry-run                             what a pass would do
//
//	offline|drain|online NODE...        the administrator marks nodes; an offline one is dead unless it "lives"
//	die|revive NODE...                  what is true of a node, whatever its mark
//	node NODE mem=N disk=N filedisk=N no-vms group=G   changes of a node
//	tag|untag cluster|group NAME|instance NAME TAG...
//	stop|start|down|crash INSTANCE      admin down, admin up, admin offline; it stops by itself
//	move INSTANCE NODE[,NODE]           somebody moved it
//	rename|swap|remove INSTANCE [NAME]  renamed; replaced by another one of that name; removed
//
//	fail OPCODE INSTANCE CODE [late] [N times|always]   the opcode fails (CODE: exec, or one of Ganeti's)
//	hang|lose OPCODE INSTANCE           the opcode stands still; its process dies
//	continue                            what stands still goes on
//	admin OPCODE INSTANCE               somebody submits a job
//	cancel INSTANCE                     somebody cancels the repair job
//	archive, purge                      of all jobs that have ended
//
//	fault METHOD N FAULT                a call of the next pass: before, after, cut, refused
//	killed METHOD N before|after        the program dies at that call
//	during METHOD N EVENT...            an event at that call
//	answer node|instance|group empty    the next pass is told that there are none
//	kill-hold                           the processes of hold jobs die
//	try EVENT..., maybe EVENT..., calm  what may be impossible; what need not happen; no more faults
//	count-tags INSTANCE N               checks how many opcodes wrote its tags
//	first-repair-before N               checks that a repair began before so many tags were written
//	luxid stop|start|crash|restart, master NODE, host NODE
//	clock 2h                            this node's clock is wrong by that much
//	settings KEY=VALUE..., fence NODE... (which the fence refuses), pause 10m, queue drain|undrain
func (w *World) Do(words []string) error {
	args := words[1:]
	if do := simple[words[0]]; do != nil {
		return do(w)
	}
	do, known := events[words[0]]
	if !known {
		return fmt.Errorf("unknown event")
	}
	if len(args) == 0 && words[0] != "fence" {
		return fmt.Errorf("of what?")
	}
	return do(w, args)
}

var simple, events = map[string]func(*World) error{}, map[string]func(*World, []string) error{}

func init() {
	simple["pass"] = func(w *World) error { w.Pass(); return nil }
	simple["repair"] = func(w *World) error {
		if !w.Repair() {
			w.say("  repairs do not come to an end")
		}
		return nil
	}
	simple["plenty"], simple["settle"] = (*World).plenty, (*World).settle
	simple["quiet"] = func(w *World) error {
		if !w.Quiet() {
			w.say("  some job does not end")
		}
		return nil
	}
	simple["dry-run"] = (*World).dryRun
	simple["kill-hold"] = func(w *World) error {
		for _, j := range w.Master.Jobs() {
			if kind, _ := MarkOf(j); kind == "hold" {
				w.Master.KillJobProcess(j.ID)
			}
		}
		return nil
	}
	simple["archive"] = func(w *World) error { w.Master.ArchiveJobs(0); return nil }
	simple["purge"] = func(w *World) error {
		for _, j := range w.Master.Jobs() {
			w.Master.Purge(j.ID)
		}
		return nil
	}
	simple["continue"] = func(w *World) error {
		for _, j := range w.Master.Jobs() {
			w.Master.Continue(j.ID)
		}
		return nil
	}
	simple["calm"] = func(w *World) error {
		w.mu.Lock()
		w.opcodes, w.hooks = nil, nil
		w.mu.Unlock()
		return simple["continue"](w)
	}
	// What cannot be is left.
	events["try"] = func(w *World, args []string) error {
		_ = w.Do(args)
		return nil
	}
	// What need not happen.
	events["maybe"] = func(w *World, args []string) error {
		err := w.Do(args)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hooks[len(w.hooks)-1].maybe = true
		return err
	}
	for name, do := range map[string]func(*World, []string) error{
		"wait": (*World).wait, "clock": (*World).clock, "pause": (*World).pause, "queue": (*World).queue,
		"offline": mark("offline"), "drain": mark("drain"), "online": mark("online"),
		"die": mark("die"), "revive": mark("revive"), "node": (*World).node,
		"tag": tag(true), "untag": tag(false),
		"stop": state(luxitest.AdminDown), "start": state(luxitest.AdminUp), "down": state(luxitest.AdminOffline),
		"crash": (*World).crash, "move": (*World).moveInstance, "rename": (*World).rename, "swap": (*World).swap, "remove": (*World).remove,
		"fail": (*World).fail, "hang": misbehave(luxitest.OpHangs()), "lose": misbehave(luxitest.OpLosesProcess()),
		"admin": (*World).admin, "cancel": (*World).cancel,
		"fault": (*World).fault, "answer": (*World).answer, "count-tags": (*World).countTags, "first-repair-before": (*World).firstRepair, "killed": (*World).killed, "during": (*World).during,
		"luxid": (*World).luxid, "master": (*World).newMaster, "host": (*World).newHost,
		"settings": (*World).set, "fence": (*World).fences,
	} {
		events[name] = do
	}
}

func (w *World) wait(args []string) error {
	d, err := time.ParseDuration(args[0])
	w.Master.Advance(d)
	return err
}

func (w *World) clock(args []string) (err error) {
	w.skew, err = time.ParseDuration(args[0])
	return err
}

func (w *World) pause(args []string) error {
	d, err := time.ParseDuration(args[0])
	until := w.Master.Now().Add(d)
	w.Master.Edit(func(c *luxitest.Cluster) { c.WatcherPause = until })
	return err
}

func (w *World) queue(args []string) error {
	w.Master.Edit(func(c *luxitest.Cluster) { c.QueueDrained = args[0] == "drain" })
	return nil
}

func (w *World) dryRun() error {
	p := w.newPass()
	defer p.Client.Close()
	plan, err := p.Read(context.Background())
	if err != nil {
		return err
	}
	list, err := report.Actions(plan)
	for _, n := range list {
		text, err := json.Marshal(n)
		if err != nil {
			return err
		}
		w.say("  %s", text)
	}
	return err
}

func (w *World) fences(args []string) error {
	w.Settings.Fence = "/fence"
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = make(map[string]bool)
	for _, node := range args {
		w.refuse[node] = true
	}
	return nil
}

func (w *World) set(args []string) error {
	s := &w.Settings
	for _, word := range args {
		key, value, _ := strings.Cut(word, "=")
		if key == "iallocator" {
			s.IAllocator = value
			continue
		}
		at := map[string]*int{"max_running": &s.MaxRunning, "max_new_per_pass": &s.MaxNew, "max_unhealthy_nodes": &s.MaxUnhealthy, "max_attempts": &s.MaxAttempts, "results_kept": &s.ResultsKept}[key]
		n, err := strconv.Atoi(value)
		if at == nil || err != nil {
			return fmt.Errorf("no such setting: %s", word)
		}
		*at = n
	}
	return nil
}

func (w *World) countTags(args []string) error {
	n := 0
	for _, j := range w.Master.Jobs() {
		for _, op := range j.Ops {
			if strings.HasPrefix(op.ID, "OP_TAGS_") && op.Text("name") == args[0] && !op.Exec.IsZero() {
				n++
			}
		}
	}
	if want, err := strconv.Atoi(args[1]); err != nil || n != want && w.Disturb == nil {
		w.wrong("C4", "%d opcodes wrote tags of %s", n, args[0])
	}
	return nil
}

func (w *World) firstRepair(args []string) error {
	tags := 0
	for _, e := range w.Master.Log() {
		switch {
		case e.Kind == luxitest.LogEffect && strings.HasSuffix(e.Text, " added"):
			tags++
		case e.Kind == luxitest.LogStart && strings.Contains(e.Text, "INSTANCE_"):
			if want, err := strconv.Atoi(args[0]); err != nil || tags >= want && w.Disturb == nil {
				w.wrong("C4", "the first repair began after %d tags", tags)
			}
			return nil
		}
	}
	w.wrong("C4", "no repair began")
	return nil
}

func (w *World) luxid(args []string) error {
	switch args[0] {
	case "stop":
		w.Master.StopLuxid()
	case "crash":
		w.Master.CrashLuxid()
	case "start":
		return w.Master.StartLuxid()
	case "restart":
		return w.Master.RestartLuxid()
	}
	return nil
}

func (w *World) newMaster(args []string) error { return w.Master.MasterFailover(args[0]) }
func (w *World) newHost(args []string) error   { w.host = args[0]; return nil }

func (w *World) admin(args []string) error {
	name := args[1]
	common := luxi.Common{Reason: []luxi.ReasonEntry{{Source: "gnt:user", Text: "by hand"}}}
	var op luxi.OpCode
	switch args[0] {
	case "INSTANCE_FAILOVER":
		op = &luxi.InstanceFailover{Common: common, InstanceName: name}
	case "INSTANCE_STARTUP":
		op = &luxi.InstanceStartup{Common: common, InstanceName: name}
	case "INSTANCE_SHUTDOWN":
		op = &luxi.InstanceShutdown{Common: common, InstanceName: name}
	case "INSTANCE_MIGRATE":
		op = &luxi.InstanceMigrate{Common: common, InstanceName: name}
	case "INSTANCE_REPLACE_DISKS":
		op = &luxi.InstanceReplaceDisks{Common: common, InstanceName: name, Mode: luxi.ReplaceNewSecondary, IAllocator: "."}
	case "TAGS_SET":
		op = &luxi.TagsSet{Common: common, Kind: luxi.TagInstance, Name: name, Tags: []string{"colour:blue"}}
	default:
		return fmt.Errorf("nobody submits that")
	}
	_, err := w.client.SubmitJob(context.Background(), []luxi.OpCode{op})
	return err
}

// cancel cancels the newest unfinished repair job of the instance.
func (w *World) cancel(args []string) error {
	jobs := w.Master.Jobs()
	for k := len(jobs) - 1; k >= 0; k-- {
		j := jobs[k]
		if kind, _ := MarkOf(j); kind == "repair" && j.End.IsZero() && j.Ops[0].Text("instance_name") == args[0] {
			ok, text, err := w.client.CancelJob(context.Background(), luxi.JobID(j.ID), false)
			w.say("  job %d canceled: %v %s", j.ID, ok, text)
			return err
		}
	}
	return fmt.Errorf("it has no unfinished repair job")
}
