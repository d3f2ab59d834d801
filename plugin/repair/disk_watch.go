package repair

import (
	"sort"
	"time"

	"ganeti-autorepair/luxi"
)

// What passes do about disks that are broken on good nodes, and about instances that
// ganeti-watcher has given up, the settings disks and relocate (D10, R3).
const (
	WatchOff    = "off"    // nobody looks
	WatchReport = "report" // they are told of, nothing is submitted and no node is asked
	WatchRepair = "repair"
)

// DiskVerification is a GROUP_VERIFY_DISKS that succeeded.
type DiskVerification struct {
	Job   luxi.JobID `json:"job"`
	Begun int64      `json:"begun"` // Unix time in seconds
	Ended int64      `json:"ended"`
	// Listed are the names of the instances whose disks it found broken on nodes that
	// answered: to be activated, or with lost volumes.
	Listed []string `json:"listed,omitempty"`
	// Lost are the nodes, by UUID, that answered and did not have the volumes of an
	// instance, by its name.
	Lost map[string][]string `json:"lost,omitempty"`
	// Unreached are the nodes, by UUID, that did not answer. Nothing is known of the
	// volumes there.
	Unreached []string `json:"unreached,omitempty"`
}

// NewDiskVerification reads what a GROUP_VERIFY_DISKS found. The volumes of nodes that did
// not answer are in its result as if they were lost.
func NewDiskVerification(job luxi.JobInfo, op luxi.JobOp, v luxi.VerifiedDisks) DiskVerification {
	d := DiskVerification{Job: job.ID, Begun: begunAt(job, op), Ended: job.Ended.Unix(), Lost: make(map[string][]string)}
	listed := make(map[string]bool)
	for _, name := range v.Inactive {
		listed[name] = true
	}
	for name, volumes := range v.Lost {
		nodes := make(map[string]bool)
		for _, volume := range volumes {
			if _, failed := v.NodeErrors[volume.NodeUUID]; !failed {
				nodes[volume.NodeUUID] = true
			}
		}
		if len(nodes) > 0 {
			listed[name], d.Lost[name] = true, sorted(nodes)
		}
	}
	for uuid := range v.NodeErrors {
		d.Unreached = append(d.Unreached, uuid)
	}
	sort.Strings(d.Unreached)
	d.Listed = sorted(listed)
	return d
}

// begunAt returns when an opcode had its locks and began, in Unix time.
func begunAt(job luxi.JobInfo, op luxi.JobOp) int64 {
	if op.ExecStart.IsZero() {
		return job.Started.Unix()
	}
	return op.ExecStart.Unix()
}

// lists reports whether the verification lists the instance.
func (v DiskVerification) lists(name string) bool {
	k := sort.SearchStrings(v.Listed, name)
	return k < len(v.Listed) && v.Listed[k] == name
}

// missed reports whether the verification did not reach one of the nodes that is not offline:
// it says nothing then of an instance that has lost volumes there and that it does not list.
func (v DiskVerification) missed(lost []string, offline map[string]bool) bool {
	for _, uuid := range lost {
		if !offline[uuid] && contains(v.Unreached, uuid) {
			return true
		}
	}
	return false
}

// listedOrUnreached returns the names of the instances that the newest verification of the
// group lists, or of which it says nothing although they had lost volumes before.
func (g VerifiedGroup) listedOrUnreached(newest DiskVerification, offline map[string]bool) []string {
	names := make(map[string]bool)
	for _, name := range newest.Listed {
		names[name] = true
	}
	for name, lost := range g.Lost {
		if newest.missed(lost, offline) {
			names[name] = true
		}
	}
	return sorted(names)
}

// verificationsLast is how long verifications of disks are remembered: longer than any
// disk_grace, and longer than a repair waits for one (D6).
const verificationsLast = 3 * time.Hour

// WithDisks returns what is known of a group after a further verification of its disks.
func (g VerifiedGroup) WithDisks(v DiskVerification) VerifiedGroup {
	for _, old := range g.Disks {
		if old.Job == v.Job && old.Ended == v.Ended { // a queue may begin anew
			return g
		}
	}
	list := make([]DiskVerification, 0, len(g.Disks)+1)
	for _, old := range append(append([]DiskVerification(nil), g.Disks...), v) {
		if v.Ended-old.Ended <= int64(verificationsLast/time.Second) {
			list = append(list, old)
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return list[a].Ended < list[b].Ended })
	g.Disks = list
	// What a node that does not answer had lost before is still the last that is known.
	lost, unreached := make(map[string][]string), make(map[string]bool)
	for _, uuid := range v.Unreached {
		unreached[uuid] = true
	}
	for name, nodes := range g.Lost {
		for _, uuid := range nodes {
			if unreached[uuid] {
				lost[name] = append(lost[name], uuid)
			}
		}
	}
	for name, nodes := range v.Lost {
		lost[name] = append(lost[name], nodes...)
	}
	g.Lost = lost
	return g
}

// newestDisks returns the newest verification of the group's disks, if any is known.
func (g VerifiedGroup) newestDisks() (DiskVerification, bool) {
	if len(g.Disks) == 0 {
		return DiskVerification{}, false
	}
	return g.Disks[len(g.Disks)-1], true
}

// DiskSign is what tells, without asking any node, that disks of an instance may be broken
// (D1).
type DiskSign struct {
	Since int64 `json:"since,omitempty"` // Unix time in seconds at which it was seen first; 0 if not known
	// Newest is when the newest verification ended that lists the instance, in Unix time; 0
	// if none does.
	Newest int64 `json:"newest,omitempty"`
	// Verified is how many verifications in a row list it.
	Verified int `json:"verified,omitempty"`
	// Inactive says that it runs although Ganeti has its disks down as inactive.
	Inactive bool `json:"inactive,omitempty"`
	// Lost are the nodes, by UUID, without its volumes.
	Lost []string `json:"lost,omitempty"`
	// Group is the UUID of the node group whose verifications list it.
	Group string `json:"group,omitempty"`
}

// DiskFacts are what is known of disks on good nodes, and of starts that failed, beside
// the configuration. Instances are named by name in what verifications tell, and by UUID
// elsewhere.
type DiskFacts struct {
	Repair       bool `json:"repair,omitempty"`        // the setting disks is "repair"
	Relocate     bool `json:"relocate,omitempty"`      // the setting relocate is "repair"
	RestartTries int  `json:"restart_tries,omitempty"` // the setting of that name
	// Signs are the instances with a sign that has lasted, and Fresh those that the newest
	// verification lists, whether or not that has lasted.
	Signs map[string]DiskSign `json:"signs,omitempty"`
	Fresh map[string]bool     `json:"fresh,omitempty"`
	// Newest are the newest verifications, by the UUID of the group.
	Newest map[string]DiskVerification `json:"newest,omitempty"`
	// Lost are the nodes, by UUID, that have lost volumes of an instance, as the newest
	// verification found that reached them.
	Lost   map[string][]string   `json:"lost,omitempty"`
	Looks  map[string]DiskLook   `json:"looks,omitempty"`
	Starts map[string]StartTries `json:"starts,omitempty"`
	// running are the instances, by name, that ganeti-watcher saw running of late.
	running map[string]bool
}

// DiskFacts returns what the engine needs of what was observed.
func (o Observed) DiskFacts(set Settings) DiskFacts {
	f := DiskFacts{
		Repair: set.Disks == WatchRepair, Relocate: set.Relocate == WatchRepair, RestartTries: set.RestartTries,
		Signs: o.DiskSigns(set), Fresh: make(map[string]bool), Newest: make(map[string]DiskVerification), Lost: make(map[string][]string),
		Looks: o.Verified.Looks, Starts: o.Verified.Starts,
	}
	if f.running = o.running(); set.Disks == WatchOff {
		f.Signs, f.running = nil, nil
	}
	if set.Relocate == WatchOff {
		f.Starts = nil
	}
	for uuid, g := range o.Verified.Groups {
		if v, known := g.newestDisks(); known {
			f.Newest[uuid] = DiskVerification{Job: v.Job, Begun: v.Begun, Ended: v.Ended, Listed: v.Listed, Unreached: v.Unreached}
			for _, name := range v.Listed {
				f.Fresh[name] = true
			}
		}
		for name, nodes := range g.Lost {
			f.Lost[name] = nodes
		}
	}
	return f
}

// ForRehearsal returns the facts that matter where nodes die: what is known of lost copies,
// and nothing of what has to be done on good nodes.
func (f DiskFacts) ForRehearsal() DiskFacts {
	return DiskFacts{Repair: f.Repair, Lost: f.Lost, Looks: f.Looks, Newest: f.Newest}
}

// Concerns reports whether an instance on good nodes may need something, or what is known of
// its disks may be known better now.
func (f DiskFacts) Concerns(i *Instance) bool {
	_, signed := f.Signs[i.Name]
	return f.Repair && (signed || f.Looks[i.UUID].mayLack()) || f.Relocate && f.RestartTries > 0 && f.Starts[i.UUID].Failed >= f.RestartTries
}

// DiskSigns returns the instances with a sign of broken disks that has lasted, by name
// (D1): listed by every verification that ended in the last disk_grace before the newest
// one, and by at least two, as until then it is ganeti-watcher's to activate them; or
// running although their disks are down as inactive, which it does not look at.
//
// A verification that did not reach a node says nothing of what had lost volumes there. Of a
// node that is offline no more is expected.
func (o Observed) DiskSigns(set Settings) map[string]DiskSign {
	signs := make(map[string]DiskSign)
	offline := make(map[string]bool)
	for _, n := range o.Roles {
		offline[n.UUID] = n.Offline
	}
	for uuid, g := range o.Verified.Groups {
		newest, known := g.newestDisks()
		if !known || o.Unused[uuid] {
			continue
		}
		for _, name := range g.listedOrUnreached(newest, offline) {
			sign := DiskSign{Lost: newest.Lost[name], Group: uuid}
			if !newest.lists(name) {
				sign.Lost = g.Lost[name]
			}
			grace := newest.Ended - int64(set.DiskGrace/time.Second)
			lasts := true
			for k := len(g.Disks) - 1; k >= 0; k-- {
				v := g.Disks[k]
				if !v.lists(name) {
					if v.missed(g.Lost[name], offline) {
						continue
					}
					lasts = v.Ended < grace
					break
				}
				if sign.Newest == 0 {
					sign.Newest = v.Ended
				}
				sign.Since, sign.Verified = v.Ended, sign.Verified+1
			}
			if lasts && sign.Verified >= 2 && sign.Newest > signs[name].Newest {
				signs[name] = sign
			}
		}
	}
	return withInactive(signs, o.Inactive, o.running())
}

// running returns the instances, by name, that ganeti-watcher saw running of late.
func (o Observed) running() map[string]bool {
	names := make(map[string]bool)
	if o.Now.Sub(o.StatusTime) > statusLasts {
		return names
	}
	for name, status := range o.Status {
		if status == "running" {
			names[name] = true
		}
	}
	return names
}

// withInactive adds signs of the instances whose disks are marked inactive, as far as they
// run.
func withInactive(signs map[string]DiskSign, inactive []string, running map[string]bool) map[string]DiskSign {
	for _, name := range inactive {
		if running[name] {
			sign := signs[name]
			sign.Inactive = true
			signs[name] = sign
		}
	}
	return signs
}

// MayRunInactive reports whether the instance runs, for all that is known, and its disks are
// marked inactive. That says little before its template and its admin state are known.
func (f DiskFacts) MayRunInactive(i *Instance) bool {
	return f.running[i.Name] && i.DisksActive != nil && !*i.DisksActive
}

// WithInactive returns the facts with a sign of broken disks for each of these instances,
// by name, that are to be up, whose disks Ganeti has down as inactive, and that run.
func (f DiskFacts) WithInactive(names []string) DiskFacts {
	signs := make(map[string]DiskSign, len(f.Signs)+len(names))
	for name, sign := range f.Signs {
		if sign.Inactive = false; sign.Verified > 0 {
			signs[name] = sign
		}
	}
	f.Signs = withInactive(signs, names, f.running)
	return f
}

// Inactive returns the instances, by name, that run although their disks are marked
// inactive.
func (f DiskFacts) Inactive() []string {
	var names []string
	for name, sign := range f.Signs {
		if sign.Inactive {
			names = append(names, name)
		}
	}
	return names
}
