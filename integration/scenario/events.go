package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
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
//	passes N 5m                         so many passes, so far apart
//	repair                              passes until there is nothing left to do, jobs ending in between
//	plenty, settle                      nothing stands in the way; passes until the master shows nothing that is owed
//	quiet                               all jobs end, and five minutes pass
//	wait 10m                            time passes
//	dry-run                             what a pass would do
//
//	offline|drain|online NODE...        the administrator marks nodes; an offline one is dead unless it "lives"
//	die|revive NODE...                  what is true of a node, whatever its mark
//	node NODE mem=N disk=N filedisk=N no-vms group=G os=NAME,NAME   changes of a node
//	tag|untag cluster|group NAME|node NAME|instance NAME TAG...
//	stop|start|down|crash INSTANCE      admin down, admin up, admin offline; it stops by itself
//	move INSTANCE NODE[,NODE]           somebody moved it
//	rename|swap|remove INSTANCE [NAME]  renamed; replaced by another one of that name; removed
//	create INSTANCE NODE [TAG...]       a new one without disks that runs there
//
//	verify-disks                        ganeti-watcher verifies all disks, activates those that it can, and writes down what runs
//	runs N 5m                           so many runs of ganeti-watcher, so far apart: a pass, watcher, verify-disks
//	lose-disk|lose-volumes|mend-disk INSTANCE NODE   drbd goes on without its disk; its volumes are gone, too; it is back
//	split INSTANCE                      each copy of its disk has writes that the other lacks
//	cut|mend NODE NODE                  replication between two nodes ends, or is restored
//	instance NAME always-failover|mem=N|hypervisor=NAME|os=NAME   changes of an instance
//	instance NAME template=T [nodes=NODE,NODE]   its disks are converted, on good nodes; T is plain or drbd
//
//	fail OPCODE OBJECT CODE [POINT] [N times|always]   the opcode fails (CODE: exec, or one of Ganeti's)
//	hang|lose OPCODE OBJECT [POINT]     the opcode stands still; its process dies
//	                                    (POINT: late, or one of luxitest's: exec, transfer, moved)
//	continue [INSTANCE]                 what stands still goes on
//	admin OPCODE NAME [KEY=VALUE...]    somebody submits a job about an instance, a node or a group
//	filter ACTION PREDICATE..., filter none   a rule of gnt-filter, its conditions in JSON without spaces (RATE_LIMIT:N has a number); all rules go
//	watcher                             ganeti-watcher: it archives old jobs, and starts what should run
//	cancel INSTANCE [gate]              somebody cancels the repair job, or the gate in front of it
//	archive [AGE], purge [AGE]          of jobs that have ended, so long ago at least
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
//	                                    (with dead_nodes=offline passes look for nodes that do not answer, once
//	                                    verify-disks has left a hint, and mark them; a fence that holds switches off)
func (w *World) Do(words []string) error {
	e, known := events[words[0]]
	switch {
	case !known:
		return fmt.Errorf("unknown event")
	case len(words)-1 < e.least:
		return fmt.Errorf("of what?")
	}
	return e.do(w, words[1:])
}

// event is what a word stands for; least is how many words have to follow.
type event struct {
	least int
	do    func(*World, []string) error
}

var events map[string]event

func init() {
	alone := func(do func(*World) error) event {
		return event{0, func(w *World, _ []string) error { return do(w) }}
	}
	events = map[string]event{
		"pass": alone(func(w *World) error { w.Pass(); return nil }), "passes": {2, (*World).somePasses}, "repair": alone((*World).repairAll),
		"plenty": alone((*World).plenty), "settle": alone((*World).settle), "quiet": alone((*World).quiet),
		"dry-run": alone((*World).dryRun), "kill-hold": alone((*World).killHold), "calm": alone((*World).calm),
		"wait": {1, (*World).wait}, "clock": {1, (*World).clock}, "pause": {1, (*World).pause}, "queue": {1, (*World).queue},
		"offline": {1, mark("offline")}, "drain": {1, mark("drain")}, "online": {1, mark("online")},
		"die": {1, mark("die")}, "revive": {1, mark("revive")}, "node": {2, (*World).node},
		"tag": {2, tag(true)}, "untag": {2, tag(false)},
		"stop": {1, state(luxitest.AdminDown)}, "start": {1, state(luxitest.AdminUp)}, "down": {1, state(luxitest.AdminOffline)},
		"crash": {1, (*World).crash}, "move": {2, (*World).moveInstance}, "rename": {2, (*World).rename}, "swap": {1, (*World).swap}, "remove": {1, (*World).remove}, "create": {2, (*World).create},
		"cut": {2, (*World).cut}, "mend": {2, (*World).mend}, "instance": {2, (*World).instance},
		"fail": {3, (*World).fail}, "hang": {2, misbehave(luxitest.OpHangs(), luxitest.AtExec)}, "lose": {2, misbehave(luxitest.OpLosesProcess(), luxitest.AtChecks)}, "continue": {0, (*World).goOn},
		"admin": {2, (*World).admin}, "watcher": alone((*World).watcher), "verify-disks": alone((*World).verifyDisks), "runs": {2, (*World).watcherRuns}, "split": {1, (*World).split}, "lose-disk": {2, disk((*luxitest.Instance).LoseDisk)}, "lose-volumes": {2, disk((*luxitest.Instance).LoseVolumes)}, "mend-disk": {2, diskOf(mendDisk)}, "filter": {1, (*World).filter}, "cancel": {1, (*World).cancel}, "archive": {0, (*World).archive}, "purge": {0, (*World).purge},
		"fault": {3, (*World).fault}, "answer": {1, (*World).answer}, "killed": {3, (*World).killed}, "during": {3, (*World).during},
		"try": {1, (*World).try}, "maybe": {1, (*World).maybe},
		"count-tags": {2, (*World).countTags}, "first-repair-before": {1, (*World).firstRepair},
		"luxid": {1, (*World).luxid}, "master": {1, (*World).newMaster}, "host": {1, (*World).newHost},
		"settings": {1, (*World).set}, "fence": {0, (*World).fences},
	}
}

func (w *World) somePasses(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for ; n > 0 && err == nil; n-- {
		w.Pass()
		err = w.wait(args[1:])
	}
	return err
}

func (w *World) repairAll() error {
	if !w.Repair() {
		w.say("  repairs do not come to an end")
	}
	return nil
}

func (w *World) quiet() error {
	if !w.Quiet() {
		w.say("  some job does not end")
	}
	return nil
}

func (w *World) killHold() error {
	for _, j := range w.Master.Jobs() {
		if kind, _ := MarkOf(j); kind == "hold" {
			w.Master.KillJobProcess(j.ID)
		}
	}
	return nil
}

// age reads the optional age of jobs.
func age(args []string) (time.Duration, error) {
	if len(args) == 0 {
		return 0, nil
	}
	return time.ParseDuration(args[0])
}

func (w *World) archive(args []string) error {
	d, err := age(args)
	w.Master.ArchiveJobs(d)
	return err
}

func (w *World) purge(args []string) error {
	d, err := age(args)
	for _, j := range w.Master.Jobs() {
		if !j.End.IsZero() && !j.End.After(w.Master.Now().Add(-d)) {
			w.Master.Purge(j.ID)
		}
	}
	return err
}

// goOn has what stands still go on: all of it, or the jobs of an instance.
func (w *World) goOn(args []string) error {
	for _, j := range w.Master.Jobs() {
		if len(args) == 0 || len(j.Ops) > 0 && j.Ops[0].Text("instance_name") == args[0] {
			w.Master.Continue(j.ID)
		}
	}
	return nil
}

func (w *World) calm() error {
	w.mu.Lock()
	w.opcodes, w.hooks = nil, nil
	w.mu.Unlock()
	return w.goOn(nil)
}

// try leaves what cannot be.
func (w *World) try(args []string) error {
	_ = w.Do(args)
	return nil
}

// maybe arranges for what need not happen.
func (w *World) maybe(args []string) error {
	err := w.Do(args)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks[len(w.hooks)-1].maybe = true
	return err
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

// inLines breaks the line of an action, which may be too long to be read.
var inLines = strings.NewReplacer(`{"OP_ID":`, "\n    "+`{"OP_ID":`, `"why":`, "\n    "+`"why":`, `"reason":`, "\n      "+`"reason":`)

func (w *World) dryRun() error {
	p := w.newPass()
	defer p.Client.Close()
	plan, err := p.Read(context.Background())
	if err != nil {
		return err
	}
	list, err := report.Actions(plan, w.Settings)
	for _, n := range list {
		text, err := json.Marshal(n)
		if err != nil {
			return err
		}
		w.say("  %s", inLines.Replace(string(text)))
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

// fields are the settings whose fields are not named as their keys are.
var fields = map[string]string{"iallocator": "IAllocator", "max_new_per_pass": "MaxNew", "max_unhealthy_nodes": "MaxUnhealthy"}

// setShare sets a bound on bad nodes: percent, unless it says that it is a number of
// nodes, as "2nodes".
func setShare(share *repair.Share, value string) (err error) {
	if nodes := strings.TrimSuffix(value, "nodes"); nodes != value {
		*share, err = repair.ParseShare(nodes)
		return err
	}
	*share, err = repair.ParseShare(strings.TrimSuffix(value, "%") + "%")
	return err
}

func (w *World) set(args []string) error {
	for _, word := range args {
		key, value, _ := strings.Cut(word, "=")
		if is, err := w.markSetting(key, value); is || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		name := fields[key]
		if name == "" {
			for _, part := range strings.Split(key, "_") {
				name += strings.ToUpper(part[:1]) + part[1:]
			}
		}
		field := reflect.ValueOf(&w.Settings).Elem().FieldByName(name)
		switch {
		case !field.IsValid():
			return fmt.Errorf("no such setting: %s", key)
		case field.Kind() == reflect.String:
			field.SetString(value)
		case key == "max_unhealthy_nodes":
			if err := setShare(&w.Settings.MaxUnhealthy, value); err != nil {
				return err
			}
		default:
			n, err := strconv.ParseInt(value, 10, 64)
			if d, no := time.ParseDuration(value); field.Type() == reflect.TypeOf(d) {
				n, err = int64(d), no
			}
			if err != nil {
				return err
			}
			field.SetInt(n)
		}
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
