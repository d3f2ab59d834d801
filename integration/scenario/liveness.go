package scenario

import (
	"fmt"
	"reflect"

	"ganeti-autorepair/integration/judge"
	"ganeti-autorepair/luxi/luxitest"
	"ganeti-autorepair/plugin/repair"
)

// Liveness: once nothing stands in the way, every repair comes to its end. Whether
// it has is told from the simulated master alone (judge.Owed): an engine that does
// nothing, and says that there is nothing to do, is found out.

// plenty takes away what may rightly keep a repair waiting: the valves, the fence,
// short room and dead nodes that nobody has marked.
func (w *World) plenty() error {
	w.Settings.MaxNew, w.Settings.MaxRunning, w.Settings.MaxCopying = 0, 0, 0
	w.Settings.MaxUnhealthy = repair.Share{Percent: 100}
	w.Settings.Fence = "none"
	for _, name := range []string{"MaxCopying", "ReplaceDisksAfter"} { // the engine may not have them yet
		if field := reflect.ValueOf(&w.Settings).Elem().FieldByName(name); field.IsValid() {
			field.Set(reflect.Zero(field.Type()))
		}
	}
	return w.edit(func(c *luxitest.Cluster) error {
		for _, g := range c.Groups {
			// Two, as a reinstalled drbd instance moves to two others.
			for n := 1; n <= 2; n++ {
				c.Nodes = append(c.Nodes, &luxitest.Node{Name: fmt.Sprintf("big%d-%s", n, g.Name), Group: g.Name})
			}
		}
		for _, n := range c.Nodes {
			n.Dead = n.Dead && n.Offline
			n.Memory, n.Storage, n.FileStorage = 1<<20, 1<<24, 1<<24
		}
		return nil
	})
}

// settle does passes, each followed by the end of all jobs, until nothing is left
// to be done as far as the master can tell. What is left after many is wrong.
func (w *World) settle() error {
	var told map[string]string
	for n := 0; n < mostPasses && (len(w.owed()) > 0 || n > 0 && len(w.untold(told)) > 0 || n == 0 && w.looksAtDisks()); n++ {
		told = make(map[string]string)
		if did, _ := w.Pass(); did != nil {
			for _, d := range did.Decisions() {
				told[d.Instance.UUID] = string(d.Reason)
			}
		}
		w.Quiet()
		if w.looksAtDisks() {
			if err := w.verifyDisks(); err != nil {
				return err
			}
		}
	}
	w.found = append(w.found, w.owed()...)
	if told != nil {
		w.found = append(w.found, w.untold(told)...)
	}
	return nil
}

// looksAtDisks reports whether the program has to do with instances on good nodes.
func (w *World) looksAtDisks() bool {
	return w.Settings.Disks == repair.WatchRepair || w.Settings.Relocate == repair.WatchRepair
}

// untold lists the instances on good nodes of which the last pass, by the reasons that it
// gave, did not say that something is wrong.
func (w *World) untold(told map[string]string) []judge.Finding {
	var list []judge.Finding
	for uuid, what := range judge.Unwell(w.record.History()) {
		if reason := told[uuid]; reason == "" || reason == string(repair.ReasonHealthy) || reason == string(repair.ReasonUnsettled) {
			list = append(list, judge.Finding{Demand: "D5", Text: fmt.Sprintf("nobody is told of %s: the reason given is %q", what, reason)})
		}
	}
	return w.counting(list)
}

// owed lists what the program still owes, as far as that counts.
func (w *World) owed() []judge.Finding { return w.counting(judge.Owed(w.record.History())) }
