package report

import (
	"encoding/json"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ActionView is an action of a plan, in the form users and scripts see (V6).
type ActionView struct {
	Instance string            `json:"instance"` // or "cluster" or "group NAME", whose suspensions end, or "node NAME"
	Add      []string          `json:"add_tags,omitempty"`
	Remove   []string          `json:"remove_tags,omitempty"`
	Probe    bool              `json:"dry_run_first,omitempty"` // room is tested for with a dry run
	Fence    []string          `json:"fence_first,omitempty"`   // nodes for which the fence must succeed first
	OpCodes  []json.RawMessage `json:"opcodes,omitempty"`
	Why      string            `json:"why"`
	What     string            `json:"what"` // all of it in one line, for people
	*StepView
}

// StepView is the step that an action takes.
type StepView struct {
	Step repair.Step `json:"step"`
	MoveView
	Then      []repair.Step `json:"then_steps,omitempty"` // the steps that follow in later passes
	Restarts  bool          `json:"restarts,omitempty"`   // what runs is started again elsewhere
	LosesData bool          `json:"loses_data,omitempty"`
}

// jobToCome stands in tags for the number of a job that is yet to be submitted.
const jobToCome = "JOB"

// Actions returns what a pass over the plan does, in the order in which it does it.
func Actions(p *repair.Plan, set repair.Settings) ([]ActionView, error) {
	list := []ActionView{}
	words := actionWords{allocator: allocatorName(p.Snapshot, set)}
	for _, a := range p.Actions {
		v, err := actionView(a, words)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func actionView(a repair.Action, words actionWords) (ActionView, error) {
	change, _ := a.Change(0)
	v := ActionView{
		Instance: a.Object.String(), Add: change.Add, Remove: append(change.Before, change.Remove...), Why: a.Why, What: words.line(a),
	}
	if a.Object.Kind == luxi.TagInstance {
		v.Instance = a.Object.Name
	}
	if err := v.add(a.Tidies); err != nil || a.Job == nil {
		return v, err
	}
	v.Probe, v.Fence = a.Job.Test, a.Job.Fence
	v.StepView = &StepView{
		Step: a.Job.Step, MoveView: MoveView{From: a.From(), To: a.To()}, Then: a.Decision.Need.Steps[1:],
		Restarts: a.Restarts(), LosesData: a.LosesData(),
	}
	if len(v.To) == 0 {
		v.ChosenBy = words.allocator
	}
	if n := len(v.Add) - 1; n >= 0 {
		// The last tag is the pending one, without the job.
		if len(a.Pending.Jobs) > 0 {
			v.Add[n] += "+"
		}
		v.Add[n] += jobToCome
	}
	return v, v.add(a.Job.OpCodes)
}

func (v *ActionView) add(ops []luxi.OpCode) error {
	for _, op := range ops {
		raw, err := luxi.MarshalOp(op)
		if err != nil {
			return fmt.Errorf("opcode for %s: %w", v.Instance, err)
		}
		v.OpCodes = append(v.OpCodes, raw)
	}
	return nil
}

// Totals are what the steps of a plan come to.
type Totals struct {
	Steps     map[repair.Step]int `json:"steps"`
	Restarts  int                 `json:"restarts"`
	LosesData int                 `json:"loses_data"`
	IfRoom    int                 `json:"if_room"` // of the steps those that a test for room comes before
}

// TotalsOf counts the steps of actions.
func TotalsOf(list []ActionView) Totals {
	t := Totals{Steps: make(map[repair.Step]int)}
	for _, v := range list {
		if v.StepView == nil {
			continue
		}
		t.Steps[v.Step]++
		if v.Restarts {
			t.Restarts++
		}
		if v.LosesData {
			t.LosesData++
		}
		if v.Probe {
			t.IfRoom++
		}
	}
	return t
}
