package repair

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// Finding is something about the cluster, beside repairs, that a person should know (A1).
// Nothing is done about it.
type Finding struct {
	Word    FindingWord `json:"finding"`
	Object  string      `json:"object"` // "cluster", "group NAME", "node NAME", "instance NAME"
	Detail  string      `json:"why"`
	Since   int64       `json:"since,omitempty"` // Unix time in seconds at which it was seen first; 0 if nobody knows
	Command string      `json:"command"`         // what a person could type about it
}

// Key tells the finding from all others.
func (f Finding) Key() string { return string(f.Word) + " " + f.Object }

// FindingWord is a stable word for a finding. Scripts may rely on the words.
type FindingWord string

// The findings, in the order in which users see them.
const (
	FindingWrongNode        FindingWord = "wrong-node"
	FindingBrokenDisks      FindingWord = "broken-disks"
	FindingNotStarted       FindingWord = "not-started"
	FindingFewCandidates    FindingWord = "few-candidates"
	FindingSilentCandidate  FindingWord = "silent-candidate"
	FindingNotN1            FindingWord = "not-n1"
	FindingOrphanInstance   FindingWord = "orphan-instance"
	FindingOrphanVolume     FindingWord = "orphan-volume"
	FindingDisksNotVerified FindingWord = "disks-not-verified"
	FindingNotVerified      FindingWord = "not-verified"
)

// FindingWords are the words of all findings, in the order in which users see them.
var FindingWords = []FindingWord{
	FindingWrongNode, FindingBrokenDisks, FindingNotStarted, FindingFewCandidates, FindingSilentCandidate, FindingNotN1, FindingOrphanInstance, FindingOrphanVolume, FindingDisksNotVerified,
	FindingNotVerified,
}

const (
	// VerifyEvery is how long ago the last CLUSTER_VERIFY_GROUP of a node group may be.
	VerifyEvery = 7 * 24 * time.Hour
	// verifyDisksEvery is the same of GROUP_VERIFY_DISKS, which ganeti-watcher submits in
	// each of its runs, every five minutes.
	verifyDisksEvery = time.Hour
	// statusLasts is how long the watcher's instance-status file counts.
	statusLasts = time.Hour
)

// Observed is what findings are made from.
type Observed struct {
	Now           time.Time
	CandidatePool int // candidate_pool_size
	Roles         []NodeRole
	Groups        map[string]string // names by UUID
	Verified      Verifications
	// Status is what the watcher's instance-status file says of each instance, and
	// StatusTime when it was written; zero if there is none.
	Status     map[string]string
	StatusTime time.Time
	Silent     SilentNodes // as far as it is known
	// Unused are the groups, by UUID, without instances, of those in Unverified: ganeti-watcher
	// does not verify their disks.
	Unused map[string]bool
	// Inactive are the names of the instances that are admin up and whose disks Ganeti has
	// down as inactive.
	Inactive []string
}

// NodeRole is what findings need of a node.
type NodeRole struct {
	Name, UUID string
	Group      string // UUID
	Offline    bool
	Master     bool
	Candidate  bool // a master candidate, or the master
	CanBe      bool // it may be a master candidate: capable, neither offline nor drained
}

// Verifications are what jobs that verify have left in the queue, as far as it was looked
// through.
type Verifications struct {
	UpTo   luxi.JobID               `json:"up_to"`  // the newest job that was looked at
	Since  int64                    `json:"since"`  // no job later than this Unix time was left out; 0 if none was looked at
	Groups map[string]VerifiedGroup `json:"groups"` // by UUID
	// Looks are the last closer looks at disks (D2), and Starts the starts by
	// ganeti-watcher that failed (R1), by instance UUID.
	Looks  map[string]DiskLook   `json:"looks,omitempty"`
	Starts map[string]StartTries `json:"starts,omitempty"`
}

// VerifiedGroup are the newest verifications of a node group.
type VerifiedGroup struct {
	Ended      int64       `json:"ended,omitempty"`       // of CLUSTER_VERIFY_GROUP, Unix time in seconds; 0 if none is known
	DisksEnded int64       `json:"disks_ended,omitempty"` // the same of GROUP_VERIFY_DISKS
	Unreached  []string    `json:"unreached,omitempty"`   // UUIDs of the nodes that this GROUP_VERIFY_DISKS could not ask
	Complaints []Complaint `json:"complaints,omitempty"`  // of that CLUSTER_VERIFY_GROUP
	// Disks are the GROUP_VERIFY_DISKS of the last hours, the newest one last.
	Disks []DiskVerification `json:"disks,omitempty"`
	// Lost are the nodes, by UUID, that have lost volumes of an instance, by its name, as the
	// newest GROUP_VERIFY_DISKS found that reached them.
	Lost map[string][]string `json:"lost,omitempty"`
}

// Complaint is a line of CLUSTER_VERIFY_GROUP that findings are made from.
type Complaint struct {
	Word FindingWord `json:"finding"`
	Node string      `json:"node"`
	Text string      `json:"text"`
}

// complaints are what lines of CLUSTER_VERIFY_GROUP begin with that findings are made from
// (lib/cmdlib/cluster/verify.py).
var complaints = []struct {
	word FindingWord
	text string
}{
	{FindingNotN1, "not enough memory to accomodate instance failovers"},
	{FindingOrphanVolume, "volume "},
	{FindingOrphanInstance, "node is running unknown instance "},
}

// ComplaintOf reads a line of the log of a CLUSTER_VERIFY_GROUP, with error codes or
// without: "  - ERROR:ENODEN1:node:NAME:TEXT", "  - ERROR: node NAME: TEXT"
// (_ErrorMsgList in lib/cmdlib/cluster/verify.py).
func ComplaintOf(line string) (c Complaint, ok bool) {
	rest := strings.TrimPrefix(strings.TrimSpace(line), "- ")
	level, rest, _ := strings.Cut(rest, ":")
	if level != "ERROR" && level != "WARNING" {
		return c, false
	}
	var kind string
	if strings.HasPrefix(rest, " ") {
		kind, rest, _ = strings.Cut(rest[1:], " ")
		c.Node, c.Text, _ = strings.Cut(rest, ": ")
	} else {
		_, rest, _ = strings.Cut(rest, ":")
		kind, rest, _ = strings.Cut(rest, ":")
		c.Node, c.Text, _ = strings.Cut(rest, ":")
	}
	if kind != "node" {
		return c, false
	}
	for _, known := range complaints {
		if strings.HasPrefix(c.Text, known.text) && (known.word != FindingOrphanVolume || strings.HasSuffix(c.Text, " is unknown")) {
			c.Word = known.word
			return c, true
		}
	}
	return c, false
}

// Findings returns the findings, in the order in which users see them, one for each word
// and object (A1).
func Findings(o Observed, set Settings) []Finding {
	var list []Finding
	list = append(list, o.wrongNodes()...)
	list = append(list, o.brokenDisks(set)...)
	list = append(list, o.notStarted(set)...)
	list = append(list, o.fewCandidates()...)
	list = append(list, o.silentCandidates()...)
	list = append(list, o.complaints()...)
	list = append(list, o.notVerified()...)
	rank := make(map[FindingWord]int)
	for k, word := range FindingWords {
		rank[word] = k
	}
	sort.SliceStable(list, func(a, b int) bool {
		if list[a].Word != list[b].Word {
			return rank[list[a].Word] < rank[list[b].Word]
		}
		return NiceLess(list[a].Object, list[b].Object)
	})
	return list
}

// wrongNodes finds the instances that run on another node than their primary one, or on
// two, by the watcher's instance-status file: no node is asked.
func (o Observed) wrongNodes() []Finding {
	if o.Now.Sub(o.StatusTime) > statusLasts {
		return nil
	}
	var list []Finding
	for name, status := range o.Status {
		if status == "ERROR_wrongnode" {
			list = append(list, Finding{
				Word: FindingWrongNode, Object: "instance " + name, Since: o.StatusTime.Unix(),
				Detail: "it runs on another node than its primary one, and may run twice", Command: "gnt-cluster verify",
			})
		}
	}
	return list
}

// fewCandidates finds a pool of master candidates that is short: Ganeti fills it only
// when something else changes (MaintainCandidatePool in lib/cmdlib/node.py). A node that
// does not answer is no one to fill it with.
func (o Observed) fewCandidates() []Finding {
	now, should, next := 0, 0, ""
	for _, n := range o.Roles {
		if n.CanBe {
			should++
		}
		if n.Candidate {
			now++
		} else if _, silent := o.Silent.silent(n.UUID); n.CanBe && !silent && next == "" {
			next = n.Name
		}
	}
	if should > o.CandidatePool {
		should = o.CandidatePool
	}
	if now >= should {
		return nil
	}
	f := Finding{
		Word: FindingFewCandidates, Object: "cluster", Since: o.Now.Unix(),
		Detail:  fmt.Sprintf("%d master candidates where there should be %d: the configuration is on so few nodes", now, should),
		Command: "gnt-node modify --master-candidate=yes " + next,
	}
	if next == "" {
		f.Detail, f.Command = f.Detail+"; the nodes that could be more do not answer", "ganeti-autorepair nodes"
	}
	return []Finding{f}
}

// complaints makes findings of what the newest CLUSTER_VERIFY_GROUP of each node group
// said, one for each node and word.
func (o Observed) complaints() []Finding {
	commands := map[FindingWord]string{
		FindingNotN1: "hbal -L -G %s", FindingOrphanVolume: "gnt-node volumes %s", FindingOrphanInstance: "gnt-cluster verify",
	}
	var list []Finding
	for uuid, name := range o.Groups {
		v := o.Verified.Groups[uuid]
		texts := make(map[Complaint][]string)
		for _, c := range v.Complaints {
			key := Complaint{Word: c.Word, Node: c.Node}
			texts[key] = append(texts[key], c.Text)
		}
		for key, all := range texts {
			f := Finding{Word: key.Word, Object: "node " + key.Node, Since: v.Ended, Detail: all[0]}
			if more := len(all) - 1; more > 0 {
				f.Detail += fmt.Sprintf(", and %d more", more)
			}
			object := key.Node
			if key.Word == FindingNotN1 {
				object = name
			}
			f.Command = commands[key.Word]
			if strings.Contains(f.Command, "%s") {
				f.Command = fmt.Sprintf(f.Command, object)
			}
			list = append(list, f)
		}
	}
	return list
}

// Unverified returns the node groups, by UUID, whose disks ganeti-watcher has not verified of
// late. Only of these it matters whether they have instances, which takes luxid long to tell.
func (o Observed) Unverified() []string {
	var list []string
	for uuid := range o.Groups {
		if v := o.Verified.Groups[uuid]; v.DisksEnded != 0 && o.Now.Unix()-v.DisksEnded > int64(verifyDisksEvery/time.Second) {
			list = append(list, uuid)
		}
	}
	return list
}

// notVerified finds the node groups with nodes that nothing verifies any more. What was not
// looked at is not missed.
func (o Observed) notVerified() []Finding {
	now, unverified := o.Now.Unix(), make(map[string]bool)
	for _, uuid := range o.Unverified() {
		unverified[uuid] = true
	}
	var list []Finding
	for uuid, name := range o.Groups {
		v := o.Verified.Groups[uuid]
		if o.Verified.Since == 0 {
			continue
		}
		// A group of external disks alone is never asked about its disks.
		if unverified[uuid] && !o.Unused[uuid] {
			list = append(list, Finding{
				Word: FindingDisksNotVerified, Object: "group " + name, Since: v.DisksEnded,
				Detail: "the watcher does not verify its disks any more, so that lost ones are not noticed", Command: "gnt-cluster watcher info",
			})
		}
		last := v.Ended
		if last == 0 {
			last = o.Verified.Since
		}
		if now-last > int64(VerifyEvery/time.Second) {
			f := Finding{Word: FindingNotVerified, Object: "group " + name, Since: v.Ended, Command: "gnt-cluster verify --node-group=" + name}
			f.Detail = "gnt-cluster verify was not run on it for more than a week"
			list = append(list, f)
		}
	}
	return list
}
