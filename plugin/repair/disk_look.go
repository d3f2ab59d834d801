package repair

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// DiskLook is what an INSTANCE_QUERY_DATA told of the disks of an instance (D2).
type DiskLook struct {
	Job   luxi.JobID `json:"job"`
	Begun int64      `json:"begun"` // Unix time in seconds
	// Primary and Secondary are the names of the nodes that it was on then.
	Primary   string `json:"primary"`
	Secondary string `json:"secondary,omitempty"`
	// Condition is how the disks are, Disks the numbers of those that are the reason, and
	// Detail the same in words.
	Condition DiskCondition `json:"condition"`
	Disks     []int         `json:"disks,omitempty"`
	Detail    string        `json:"detail,omitempty"`
	// Lost are the names of the nodes that lacked their copy of any disk.
	Lost []string `json:"lost,omitempty"`
	// Diskless is the secondary node if it had all volumes of a disk, and drbd did not use
	// them. A verification of disks that cannot ask the primary node does not find that.
	Diskless []string `json:"diskless,omitempty"`
	// Outdated says that a job has changed the disks of the instance, or its place, since.
	Outdated bool `json:"outdated,omitempty"`
}

// lacks reports whether the node lacked its copy of any disk. Looks of earlier versions have
// no list of them.
func (l DiskLook) lacks(node string) bool {
	return contains(l.Lost, node) || !l.Outdated && l.Condition == DisksSecondaryLost && l.Secondary == node
}

// mayLack reports whether any node lacked its copy of a disk.
func (l DiskLook) mayLack() bool { return l.lacks(l.Primary) || l.lacks(l.Secondary) }

// Mended returns the look once it is known that no copy is lost any more: as outdated.
func (l DiskLook) Mended() DiskLook {
	l.Lost, l.Diskless, l.Outdated = nil, nil, true
	return l
}

// DiskCondition is how the disks of an instance are, all taken together.
type DiskCondition string

// The conditions.
const (
	DisksWell            DiskCondition = "well"
	DisksSecondaryLost   DiskCondition = "secondary-lost"   // the primary node has all data, the secondary lacks a volume or its disk (D3)
	DisksPrimaryDiskless DiskCondition = "primary-diskless" // the secondary node has all data and the primary uses them over the network (D4)
	DisksSyncing         DiskCondition = "syncing"
	DisksDisconnected    DiskCondition = "disconnected" // the copies are not connected; either may have what the other lacks
	DisksLastCopy        DiskCondition = "last-copy"    // lost on one node, and the other one's copy is not connected, or not known to be complete
	DisksBroken          DiskCondition = "broken"       // on both nodes
	DisksMissing         DiskCondition = "missing"      // a volume without a mirror is gone
	DisksUnclear         DiskCondition = "unclear"      // none of the above
)

// lookLasts is how long a look tells how disks are: a little longer than the time between
// two passes.
const lookLasts = 30 * time.Minute

// NewDiskLook reads a look from the answer of an INSTANCE_QUERY_DATA that asked the nodes.
func NewDiskLook(job luxi.JobInfo, op luxi.JobOp, data luxi.InstanceData) DiskLook {
	look := DiskLook{Job: job.ID, Begun: begunAt(job, op), Primary: data.Primary}
	if len(data.Secondaries) == 1 {
		look.Secondary = data.Secondaries[0]
	}
	of, lost, diskless := make(map[DiskCondition][]int), make(map[string]bool), false
	for n, d := range data.Disks {
		c := conditionOf(d)
		of[c] = append(of[c], n)
		if c == DisksPrimaryDiskless || volumesLost(d.Parts, onPrimary) {
			lost[look.Primary] = true
		}
		if look.Secondary != "" && (c == DisksSecondaryLost || volumesLost(d.Parts, onSecondary)) {
			lost[look.Secondary] = true
			diskless = diskless || !volumesLost(d.Parts, onSecondary)
		}
	}
	if look.Lost = sorted(lost); diskless {
		look.Diskless = []string{look.Secondary}
	}
	look.Condition = together(of)
	look.Disks = of[look.Condition]
	if look.Condition == DisksBroken && len(look.Disks) == 0 {
		look.Disks = append(append([]int(nil), of[DisksSecondaryLost]...), of[DisksPrimaryDiskless]...)
	}
	look.Detail = look.inWords(data.Disks)
	return look
}

// together returns the condition of all disks: the worst of theirs, where a copy that
// changes, or that nobody may touch, comes before what can be mended. Where one disk has
// its only copy on one node and one on the other, no node has all data.
func together(of map[DiskCondition][]int) DiskCondition {
	for _, c := range []DiskCondition{DisksUnclear, DisksMissing, DisksBroken, DisksLastCopy, DisksDisconnected, DisksSyncing} {
		if len(of[c]) > 0 {
			return c
		}
	}
	lost, diskless := len(of[DisksSecondaryLost]) > 0, len(of[DisksPrimaryDiskless]) > 0
	switch {
	case lost && diskless:
		return DisksBroken
	case lost:
		return DisksSecondaryLost
	case diskless:
		return DisksPrimaryDiskless
	}
	return DisksWell
}

// conditionOf returns the condition of one disk. Ganeti 3.0 says of a device without its
// own copy that it is faulty, 3.1 also of one that is not connected (GetSyncStatus in
// lib/storage/drbd.py). So a node's own copy counts as lost only where the other node,
// which is connected and not degraded, says nothing against it, or where its volumes are
// gone.
func conditionOf(d luxi.Disk) DiskCondition {
	p, s := d.Primary, d.Secondary
	switch {
	case d.Type != "drbd" && p == nil:
		return DisksMissing
	case d.Type != "drbd":
		return DisksWell
	case syncing(p) || syncing(s):
		return DisksSyncing
	}
	lostHere, lostThere := volumesLost(d.Parts, onPrimary), volumesLost(d.Parts, onSecondary)
	switch {
	case whole(p) && whole(s) && !p.Degraded && !s.Degraded:
		return DisksWell
	case lostHere && lostThere:
		return DisksBroken
	case whole(p) && lostThere && (s == nil || !whole(s)):
		return DisksSecondaryLost
	case whole(p) && !p.Degraded && faulty(s):
		return DisksSecondaryLost
	case faulty(p) && whole(s) && !s.Degraded:
		return DisksPrimaryDiskless
	case (lostHere || lostThere) && !whole(p):
		return DisksLastCopy
	case known(p) && known(s):
		return DisksDisconnected
	}
	return DisksUnclear
}

func syncing(s *luxi.DiskStatus) bool {
	return s != nil && (s.Syncing || s.Local == luxi.LocalDiskSyncing)
}
func whole(s *luxi.DiskStatus) bool  { return s != nil && s.Local == luxi.LocalDiskOK }
func faulty(s *luxi.DiskStatus) bool { return s != nil && s.Local == luxi.LocalDiskFaulty }

// known reports whether a node told how its own copy is, or that it has no such device.
func known(s *luxi.DiskStatus) bool { return s == nil || s.Local != luxi.LocalDiskUnknown }

func onPrimary(d luxi.Disk) *luxi.DiskStatus   { return d.Primary }
func onSecondary(d luxi.Disk) *luxi.DiskStatus { return d.Secondary }

// volumesLost reports whether a node lacks any of the volumes of a disk.
func volumesLost(parts []luxi.Disk, at func(luxi.Disk) *luxi.DiskStatus) bool {
	for _, part := range parts {
		if at(part) == nil || volumesLost(part.Parts, at) {
			return true
		}
	}
	return false
}

// inWords says how the disks are that are the reason for the condition.
func (l DiskLook) inWords(disks []luxi.Disk) string {
	var list []string
	for _, n := range l.Disks {
		list = append(list, fmt.Sprintf("disk %d", n))
	}
	names := strings.Join(list, ", ")
	switch l.Condition {
	case DisksSecondaryLost:
		return fmt.Sprintf("%s lost on %s, whole on %s", names, l.Secondary, l.Primary)
	case DisksPrimaryDiskless:
		return fmt.Sprintf("%s lost on %s, which uses the copy on %s", names, l.Primary, l.Secondary)
	case DisksSyncing:
		return names + " is being copied"
	case DisksDisconnected:
		return fmt.Sprintf("the copies of %s on %s and %s are not connected, either may have what the other lacks", names, l.Primary, l.Secondary)
	case DisksLastCopy:
		return l.lastCopyInWords(disks)
	case DisksBroken:
		return fmt.Sprintf("%s broken, and neither %s nor %s has a copy of all disks", names, l.Primary, l.Secondary)
	case DisksMissing:
		return fmt.Sprintf("%s is missing on %s", names, l.Primary)
	case DisksUnclear:
		return fmt.Sprintf("what the nodes say of %s is not clear", names)
	}
	return ""
}

// lastCopyInWords says of which disks a copy was lost, and where.
func (l DiskLook) lastCopyInWords(disks []luxi.Disk) string {
	var here, there []string
	for _, n := range l.Disks {
		if volumesLost(disks[n].Parts, onPrimary) {
			here = append(here, fmt.Sprintf("disk %d", n))
		} else {
			there = append(there, fmt.Sprintf("disk %d", n))
		}
	}
	const last = " lost on %s; the last copy, on %s, is not connected or not complete"
	switch {
	case len(there) == 0:
		return strings.Join(here, ", ") + fmt.Sprintf(last, l.Primary, l.Secondary)
	case len(here) == 0:
		return strings.Join(there, ", ") + fmt.Sprintf(last, l.Secondary, l.Primary)
	}
	return fmt.Sprintf("%s lost on %s, %s lost on %s; the last copies are not connected or not complete", strings.Join(here, ", "), l.Primary, strings.Join(there, ", "), l.Secondary)
}

// LooksOf returns the closer looks that a job of ours has taken, by the UUIDs of the
// instances; none of a job that did not succeed, or is somebody else's.
func LooksOf(job luxi.JobInfo) map[string]DiskLook {
	if m, ours := MarkOf(job); !ours || m != LookMark || job.Status != luxi.JobSuccess {
		return nil
	}
	looks := make(map[string]DiskLook)
	for _, op := range job.Ops {
		if op.ID != luxi.OpInstanceQueryData {
			continue
		}
		all, err := op.InstanceData()
		if err != nil {
			continue
		}
		for _, data := range all {
			looks[data.UUID] = NewDiskLook(job, op, data)
		}
	}
	return looks
}

// LookMark is what the reason trail of a job that takes a closer look says.
var LookMark = Mark{Kind: MarkProbe, ID: "disks"}

// Most instances that one job looks at, and most jobs of a pass that look (D2).
const (
	LookSize = 10
	lookJobs = 5
)

// LookOpCodes returns the jobs of a pass that take a closer look at the disks of
// instances. What does not fit is looked at by a later pass.
func LookOpCodes(wanted []*Instance, now time.Time) [][]luxi.OpCode {
	common := luxi.Common{Reason: Trail(LookMark, Limit{}, now)}
	var jobs [][]luxi.OpCode
	for len(wanted) > 0 && len(jobs) < lookJobs {
		var names []string
		for len(wanted) > 0 && len(names) < LookSize {
			names, wanted = append(names, wanted[0].Name), wanted[1:]
		}
		jobs = append(jobs, []luxi.OpCode{&luxi.InstanceQueryData{Common: common, Instances: names}})
	}
	return jobs
}

// LooksWanted returns the instances of a plan whose disks are to be looked at: with a sign,
// and a permission, where the last look is missing or old (D2). An instance that a job has
// is left for later: a look would hold the locks of others while it waits.
func (p *Plan) LooksWanted() []*Instance {
	s := p.Snapshot
	looking := make(map[string]bool)
	for _, job := range s.Unfinished {
		if m, ours := MarkOf(job); ours && m == LookMark {
			for _, op := range job.Ops {
				for _, name := range op.ParamList("instances") {
					looking[name] = true
				}
			}
		}
	}
	var list []*Instance
	for _, d := range p.Decisions {
		if d.Need.Look && d.Reason != ReasonSettling && !looking[d.Instance.Name] && d.mayLook() && !s.unreached(d.Instance) {
			if _, busy := s.BusyJob(d.Instance, nil); !busy {
				list = append(list, d.Instance)
			}
		}
	}
	return list
}

// unreached reports whether the newest verification of disks did not reach a node of the
// instance that is not offline. A look at it would fail, and with it that at all others of the
// same job.
func (s *Snapshot) unreached(i *Instance) bool {
	for _, name := range i.Nodes() {
		n := s.Nodes[name]
		if n == nil || n.Offline {
			continue
		}
		for _, v := range s.Disks.Newest {
			if s.Time.Unix()-v.Ended <= int64(lookLasts/time.Second) && contains(v.Unreached, n.UUID) {
				return true
			}
		}
	}
	return false
}

// mayLook reports whether something permits that nodes are asked about the instance: its
// policy, or a repair that is pending.
func (d Decision) mayLook() bool {
	if d.State == StateSuspended || d.State == StateFailed || d.Policy.Suspended {
		return false
	}
	return d.Repair != nil || !d.Policy.Unreadable && d.Policy.Type.Permits(d.Need.Type)
}

// OutdateLooks notes of looks that the job has changed the disks of their instances, their
// numbers, or the place of the instances since: an instance may be back where it was, and its
// disks mended. The looks stay, as a job may have mended one disk of several; a copy that was
// lost counts as lost until a job has made it anew, or has used it.
func OutdateLooks(looks map[string]DiskLook, job luxi.JobInfo) {
	for _, op := range job.Ops {
		mended := false
		switch op.ID {
		case luxi.OpInstanceReplaceDisks:
			mended = op.Param("mode") != string(luxi.ReplaceOnPrimary)
		case luxi.OpInstanceFailover, luxi.OpInstanceMigrate, luxi.OpInstanceRecreateDisks:
			mended = true
		case luxi.OpInstanceMove, luxi.OpInstanceReinstall, luxi.OpInstanceSetParams, luxi.OpInstanceGrowDisk:
		default:
			continue
		}
		uuid := op.Param("instance_uuid")
		if look, known := looks[uuid]; known && op.Status == luxi.JobSuccess && !op.DryRun() && job.Ended.Unix() >= look.Begun {
			look.Outdated = true
			if mended {
				look = look.Mended()
			}
			looks[uuid] = look
		}
	}
}
