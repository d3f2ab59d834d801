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
}

// jobToCome stands in tags for the number of a job that is yet to be submitted.
const jobToCome = "JOB"

// Actions returns what a pass over the plan does, in the order in which it does it.
func Actions(p *repair.Plan) ([]ActionView, error) {
	list := []ActionView{}
	for _, a := range p.Actions {
		v, err := actionView(a)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func actionView(a repair.Action) (ActionView, error) {
	change, _ := a.Change(0)
	v := ActionView{Instance: a.Object.String(), Add: change.Add, Remove: append(change.Before, change.Remove...), Why: a.Why}
	if a.Object.Kind == luxi.TagInstance {
		v.Instance = a.Object.Name
	}
	if err := v.add(a.Tidies); err != nil || a.Job == nil {
		return v, err
	}
	v.Probe, v.Fence = a.Job.Test, a.Job.Fence
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
