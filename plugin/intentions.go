package plugin

import (
	"encoding/json"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// Intention is what a pass would do for one instance, opcodes included (V6).
type Intention struct {
	Instance string            `json:"instance"` // or "cluster" or "group NAME", whose suspensions end, too
	Add      []string          `json:"add_tags,omitempty"`
	Remove   []string          `json:"remove_tags,omitempty"`
	Probe    bool              `json:"dry_run_first,omitempty"` // room is tested for with a dry run
	Fence    []string          `json:"fence_first,omitempty"`   // nodes for which the fence must hold first
	OpCodes  []json.RawMessage `json:"opcodes,omitempty"`
	Why      string            `json:"why"`
}

// Intentions lists what a pass over this plan would do. The id of a job that is
// yet to be submitted is not known; the tags show JOB in its place.
func Intentions(p *repair.Plan, pass *Pass) ([]Intention, error) {
	steps := make(map[*repair.Decision]*repair.Planned)
	for _, st := range p.Steps {
		steps[st.Decision] = st
	}
	var list []Intention
	ended := func(o tagstore.Object) {
		if tags := o.Tags.ExpiredSuspends(p.Snapshot.Time.Unix()); len(tags) > 0 {
			list = append(list, Intention{Instance: o.String(), Remove: tags, Why: "suspension has ended"})
		}
	}
	ended(tagstore.Object{Kind: luxi.TagCluster, Tags: p.Snapshot.Cluster.Tags})
	for _, g := range repair.SortedGroups(p.Snapshot) {
		ended(tagstore.Object{Kind: luxi.TagGroup, Name: g.Name, Tags: g.Tags})
	}
	for _, d := range p.Decisions {
		n := Intention{Instance: d.Instance.Name, Remove: append(append([]string(nil), d.Remove...), d.Instance.Tags.ExpiredSuspends(p.Snapshot.Time.Unix())...), Why: d.Explain()}
		for _, st := range d.Settled {
			tag, _ := st.Result.Format()
			n.Add = append(n.Add, tag)
		}
		if st := steps[d]; st != nil {
			tag, _ := d.Start.Repair.Format()
			switch {
			case st.NoRoom == "":
				for _, op := range st.OpCodes(pass.Settings, pass.Now()) {
					raw, err := luxi.MarshalOp(op)
					if err != nil {
						return nil, fmt.Errorf("opcode for %s: %w", d.Instance.Name, err)
					}
					n.OpCodes = append(n.OpCodes, raw)
				}
				n.Probe = d.Start.Probe
				if pass.fence() != nil {
					n.Fence = repair.FenceNodes(p.Snapshot, d.Instance, d.Start.Step)
				}
				if len(d.Start.Repair.Jobs) > 0 {
					tag += "+"
				}
				n.Add = append(n.Add, tag+"JOB")
				n.Remove = append(n.Remove, d.Start.Old...)
			case d.Start.New:
				n.Add = append(n.Add, tag)
			}
		}
		if len(n.Add) > 0 || len(n.Remove) > 0 || len(n.OpCodes) > 0 {
			list = append(list, n)
		}
	}
	return list, nil
}
