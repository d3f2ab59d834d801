package repair

import (
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
)

// refusal is why a node cannot take an instance; empty if it can. Words without a
// node behind them are for nodes that have too little, of which nothing more is said.
type refusal string

const tooLittle refusal = "too little"

// refuses returns why a node cannot take the instance, as its primary node or beside
// that, or "" if it can.
func (p *Placer) refuses(w want, r Room, primary bool) refusal {
	memory := p.memory(r)
	if memory < w.memory {
		return tooLittle
	}
	if why := p.lacksDisk(w, r); why != "" {
		return why
	}
	if w.avoid[r.Node] {
		return "another job has"
	}
	if job, held := p.held[r.Node]; held && w.step == StepReinstall {
		return refusal(fmt.Sprintf("job %d (%s) has", job.ID, strings.Join(job.Summary, ", ")))
	}
	if w.step == StepReinstall {
		if why := p.lacksOS(w.demand.OS, r.Node); why != "" {
			return why
		}
	}
	if primary && movesPrimary(w.step) && w.alone {
		if why := p.excludes(w, r); why != "" {
			return why
		}
	}
	if why := p.contested(w, r, primary); why != "" {
		return why
	}
	if !p.hopeful {
		return p.unknown(w, r)
	}
	return ""
}

// excludes returns which instance on the node has an exclusion tag of this one, or "".
func (p *Placer) excludes(w want, r Room) refusal {
	for _, tag := range w.demand.Exclusions {
		if name, there := p.Lives[r.Node][tag]; there && name != w.instance.Name {
			return refusal("another instance with the exclusion tag " + tag + " is on")
		}
	}
	for _, claims := range [][]Claim{p.named[r.Node], p.open} {
		for _, c := range claims {
			if c.Instance == nil || c.Instance.UUID == w.instance.UUID || !c.Primary {
				continue
			}
			if _, first := c.on(r.Node); !first && !c.mayTake(r.Group) {
				continue
			}
			if tag := w.demand.shares(p.Demands[c.Instance.UUID]); tag != "" {
				return refusal("another instance with the exclusion tag " + tag + " may come to")
			}
		}
	}
	return ""
}

// contested returns who may take what is left of a node, if there is not enough for both,
// or "". An allocator that is yet to choose may choose this very node.
func (p *Placer) contested(w want, r Room, primary bool) refusal {
	memory, spindles := p.memory(r)-w.memory, int64(0)
	left := make(map[Storage]int64)
	if w.kind != "" {
		for storage, mib := range p.disks(w) {
			if free, known := p.free(r, storage); known {
				left[storage] = free - mib
			}
		}
		spindles = p.spindles(r) - w.demand.spindles(w.instance.Template, 0)
	}
	for _, c := range p.named[r.Node] {
		if c.Instance == nil {
			return refusal(c.By + " may take it on")
		}
	}
	for _, c := range p.open {
		by := refusal(c.By + " may take it on")
		if !c.mayTake(r.Group) || w.first && c.Planned || c.Instance != nil && c.Instance.UUID == w.instance.UUID {
			continue
		}
		if c.Instance == nil {
			return by
		}
		demand, known := p.Demands[c.Instance.UUID]
		if !known {
			return by
		}
		if c.Memory && primary && movesPrimary(w.step) {
			if memory -= demand.Memory; memory < 0 {
				return by
			}
		}
		if !c.Disk {
			continue
		}
		for storage := range left {
			if left[storage] -= demand.mayTake(c.Instance.Template, storage); left[storage] < 0 {
				return by
			}
		}
		if spindles -= demand.spindles(c.Instance.Template, r.Spindles); spindles < 0 && r.Exclusive && w.kind == luxi.StorageLVM {
			return by
		}
	}
	return ""
}

// mayFit reports whether there may be a node that has what the claim takes.
func (p *Placer) mayFit(c Claim) bool {
	demand, ok := p.Demands[c.Instance.UUID]
	if !ok || len(p.Rooms[c.Group]) == 0 {
		return true // nobody has said what there is
	}
	for _, r := range p.Rooms[c.Group] {
		if c.Memory && p.memory(r) < demand.Memory {
			continue
		}
		if storage := (Storage{Kind: StorageKind(c.Instance.Template)}); c.Disk {
			if free, known := p.free(r, storage); known && free < demand.Disk {
				continue
			}
		}
		return true
	}
	return false
}

// whyNot says why there are not enough nodes.
func (p *Placer) whyNot(s *Snapshot, w want, found int, refused map[refusal][]string) string {
	why := fmt.Sprintf("group %s has %d of %d nodes with %d MiB of memory", s.Groups[w.group].Name, found, nodesOf(w.step, w.instance), w.memory)
	if w.kind != "" {
		why += " and " + w.demand.diskText(w.instance.Template)
	}
	why += " free"
	if w.kind != "" && s.Cluster.FreeDisk != "" && s.Cluster.FreeDisk != w.kind {
		why += " (" + w.kind + " storage)"
	}
	var list []string
	for reason, nodes := range refused {
		NiceSort(nodes)
		text := string(reason)
		if reason != unknownGroups {
			text += " " + strings.Join(unique(nodes), ", ")
		}
		list = append(list, text)
	}
	sort.Strings(list)
	for _, reason := range list {
		why += "; " + reason
	}
	return why
}

// unique returns a sorted list without repetitions.
func unique(list []string) []string {
	var once []string
	for k, s := range list {
		if k == 0 || s != list[k-1] {
			once = append(once, s)
		}
	}
	return once
}
