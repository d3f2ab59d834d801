package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/integration/record"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
)

// World is a simulated master, and passes over it.
type World struct {
	Master   *luxitest.Master
	Settings repair.Settings
	// Disturb decides the fate of the calls of passes, if set; n counts them from
	// the first one on.
	Disturb func(n int, c luxitest.Call) luxitest.Fault
	// Again is called after every pass that ended, and asks for another one at
	// once.
	Again func() bool
	// Strict has what is found under unmended demands count as well.
	Strict bool
	// Moves are the steps between states that were seen: within passes, and
	// between them.
	Moves map[Move]bool

	dir       string
	record    *record.Recorder
	client    *luxi.Client // of the people who use the cluster
	host      string       // where the program runs
	skew      time.Duration
	ids       int
	roomTests map[string]repair.RoomTest // of the last pass
	suspects  map[string]luxi.JobID      // of the last pass
	takenBack map[luxi.JobID]bool        // of the last pass
	seen      repair.Observed            // what passes are told beside the configuration
	marked    bool                       // a node, by the last pass
	passes    int
	calls     int
	states    map[string]repair.State
	filters   []string        // UUIDs of rules for jobs
	looked    bool            // a pass has taken a closer look at disks
	refuse    map[string]bool // nodes for which the fence does not hold

	found []judge.Finding // what was owed when it should have been done

	mu        sync.Mutex
	out       strings.Builder
	inPass    bool
	person    bool      // who calls is not the pass
	deadline  *deadline // of the pass
	disturbed bool      // something interfered with the pass
	hooks     []*hook
	opcodes   []*opcodeFault
	broken    []judge.Finding // what is wrong whatever the scenario expects
}

// Move is a step between states; By is "pass" or "others".
type Move struct {
	From, To repair.State
	By       string
}

// hook is what happens at one call of the next pass.
type hook struct {
	method string
	n      int // counts down
	first  int // from here
	do     func() luxitest.Fault
	dead   bool // every later call of the pass fails
	empty  bool // the answer has no rows
	maybe  bool // it need not happen
}

// firstJob keeps job numbers apart from other numbers in logs.
const firstJob = 9001

// NewWorld starts a simulated master. It is to be closed.
func NewWorld(cluster string) (*World, error) {
	c, err := luxitest.Parse(cluster)
	if err != nil {
		return nil, err
	}
	m, err := luxitest.New(c, luxitest.Options{Clock: luxitest.VirtualClock(Start), FirstJob: firstJob})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sc")
	if err != nil {
		return nil, err
	}
	w := &World{
		Master: m, Settings: repair.DefaultSettings(), dir: dir,
		host: m.Snapshot().Master, Moves: make(map[Move]bool), states: make(map[string]repair.State), refuse: make(map[string]bool),
	}
	if err := m.Start(filepath.Join(dir, "s")); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	w.client = luxi.New(m.Socket(), luxi.Options{Now: m.Now, Dial: m.Dial})
	m.OnCall(w.onCall)
	m.OnOpcode(w.onOpcode)
	w.record = record.New(m, isOwn, w.around)
	return w, nil
}

// Close ends the master.
func (w *World) Close() {
	w.client.Close()
	w.Master.Close()
	os.RemoveAll(w.dir)
}

func (w *World) onCall(c luxitest.Call) luxitest.Fault {
	w.mu.Lock()
	if !w.inPass || w.person {
		w.mu.Unlock()
		return luxitest.Pass()
	}
	w.mu.Unlock()
	w.record.Call(c)
	late := w.deadline.passed(w.Master.Now())
	w.mu.Lock()
	w.calls++
	n := w.calls
	disturb := w.Disturb
	var now *hook
	dead := false
	method := c.Method
	if method == "Query" {
		var what []any
		if json.Unmarshal(c.Args, &what) == nil && len(what) > 0 {
			method = fmt.Sprintf("Query %v", what[0])
		}
	}
	for _, h := range w.hooks {
		dead = dead || h.dead
		if (h.method == method || h.method == c.Method) && h.n > 0 {
			if h.n--; h.n == 0 {
				now = h
			}
		}
	}
	w.disturbed = w.disturbed || dead || now != nil
	w.mu.Unlock()
	switch {
	case late: // the pass hears nothing more of this call, and cleans up
		return luxitest.Ignore()
	case dead:
		return luxitest.DieBefore()
	case now != nil && now.empty:
		return emptyAnswer(c)
	case now != nil:
		return now.do()
	case disturb != nil:
		f := disturb(n, c)
		w.mu.Lock()
		w.disturbed = w.disturbed || !reflect.DeepEqual(f, luxitest.Pass())
		w.mu.Unlock()
		return f
	}
	return luxitest.Pass()
}

// say adds a line to the log.
func (w *World) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.out, format+"\n", args...)
}

// Info and Warn make a World the Logger of its passes.
func (w *World) Info(msg string, args ...any) { w.tell("", msg, args) }

// Warn is Info for what a person should notice.
func (w *World) Warn(msg string, args ...any) { w.tell("warning: ", msg, args) }

func (w *World) tell(level, msg string, args []any) {
	for k := 0; k+1 < len(args); k += 2 {
		msg += fmt.Sprintf(" %v=%v", args[k], args[k+1])
	}
	w.say("  %s%s", level, msg)
}

// around is what the judge has to know beside the cluster.
func (w *World) around() record.Around {
	w.mu.Lock()
	defer w.mu.Unlock()
	set := judge.Settings{MaxAttempts: w.Settings.MaxAttempts, Interval: w.Settings.Interval, RefusedByFence: make(map[string]bool)}
	for name := range w.refuse {
		set.RefusedByFence[name] = true
	}
	if field := reflect.ValueOf(w.Settings).FieldByName("ReplaceDisksAfter"); field.IsValid() { // the engine may not have it yet
		set.ReplaceDisksAfter, _ = field.Interface().(time.Duration)
	}
	set.Marking = markingSettings(w.Settings)
	set.MendsDisks, set.Relocates = w.Settings.Disks == repair.WatchRepair, w.Settings.Relocate == repair.WatchRepair
	set.RestartTries, set.MaxRelocations, set.RepeatAfter = w.Settings.RestartTries, w.Settings.MaxRelocations, w.Settings.RepeatAfter
	return record.Around{Skew: w.skew, Settings: set}
}

// Findings returns what is wrong with the run so far.
func (w *World) Findings() []judge.Finding {
	found := append(judge.Judge(w.record.History()), w.found...)
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(found, w.broken...)
}

// Broken returns the findings that count.
func (w *World) Broken() []string {
	var list []string
	for _, f := range w.counting(w.Findings()) {
		list = append(list, f.String())
	}
	return list
}

// counting leaves out findings under unmended demands, unless the world is strict.
func (w *World) counting(found []judge.Finding) []judge.Finding {
	var list []judge.Finding
	for _, f := range found {
		if w.Strict || !judge.Unmended[f.Demand] {
			list = append(list, f)
		}
	}
	return list
}

func (w *World) now() time.Time { return w.Master.Now().Add(w.skew) }

// newPass makes a pass; the ids of repairs are shown as r1, r2, ...
func (w *World) newPass() *plugin.Pass {
	return &plugin.Pass{
		Client: luxi.New(w.Master.Socket(), luxi.Options{Now: w.Master.Now, Dial: w.Master.Dial}), Settings: w.Settings, Now: w.now, Log: w,
		NewID: func() string { w.ids++; return "p-" + ownID(w.ids) }, RoomTests: w.roomTests, Suspects: w.suspects, TakenBack: w.takenBack,
		Fence: w.fence,
	}
}

func (w *World) move(m Move, name string) {
	w.Moves[m] = true
	for _, t := range repair.Transitions {
		if t.From == m.From && t.To == m.To && t.ByPass == (m.By == "pass") {
			return
		}
	}
	w.wrong("S1", "%s goes from %s to %s by %s, which is no transition", name, m.From, m.To, m.By)
}

// wrong notes what must never be.
func (w *World) wrong(demand, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, judge.Finding{Demand: demand, Text: fmt.Sprintf(format, args...)})
}

func minutes(d time.Duration) string { return fmt.Sprintf("%dm", int(d.Minutes())) }
